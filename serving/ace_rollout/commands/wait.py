"""`ace-rollout wait HOST:PORT VERSION`: returns once a server answers with a version."""

import argparse
from typing import Any

from ace_client import Detector
from ace_client.arguments import add_security, security
from ace_client.contract import MODEL_NAME

from .answer import Answer


def add(commands: Any) -> None:  # argparse's own type has no public name
    """Adds the command to those of the package."""
    parser = commands.add_parser("wait", help="return once a server answers with a version")
    parser.set_defaults(command=_wait, name="wait", json=False)
    parser.add_argument("address", metavar="HOST:PORT")
    parser.add_argument("version", type=int, help="the number of the version's folder")
    parser.add_argument("--timeout-s", type=float, default=120.0, help="seconds after which to give up (default 120)")
    parser.add_argument("--model", default=MODEL_NAME, help=f"the model's name on the server ({MODEL_NAME})")
    add_security(parser)


def _wait(options: argparse.Namespace) -> Answer:
    with Detector(options.address, model=options.model, security=security(options)) as detector:
        detector.wait_ready(options.timeout_s, version=options.version)
    return Answer(f"version {options.version} of {options.model} answers at {options.address}", None)
