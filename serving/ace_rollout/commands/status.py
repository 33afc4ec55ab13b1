"""`ace-rollout status`: what is served."""

import argparse
import sys
import time
from typing import Any

from ace_client import Detector
from ace_client.arguments import security
from ace_client.contract import MODEL_NAME
from ace_rollout.status import status, table

from .answer import Answer
from .flags import add_reading, named

_WATCH_S = 2.0
_CLEAR = "\x1b[H\x1b[J"


def add(commands: Any) -> None:  # argparse's own type has no public name
    """Adds the command to those of the package."""
    parser = add_reading(commands, "status", help="the versions with their labels, shares of the calls, and servers")
    parser.set_defaults(command=_status, name="status")
    parser.add_argument("address", nargs="?", metavar="HOST:PORT", help="this server alone, without a rollout.toml")
    parser.add_argument("--model", default=MODEL_NAME, help="with HOST:PORT: the model's name; default: %(default)s")
    parser.add_argument("--watch", action="store_true", help=f"again every {_WATCH_S:g} s, until interrupted")


def _status(options: argparse.Namespace) -> Answer:
    if options.address:
        return _of_one_server(options)
    with named(options) as rollout:
        while options.watch:
            print(f"{_CLEAR if sys.stdout.isatty() else ''}{table(status(rollout))}", flush=True)
            time.sleep(_WATCH_S)
        found = status(rollout)
        return Answer(table(found), found)


def _of_one_server(options: argparse.Namespace) -> Answer:
    with Detector(options.address, model=options.model, security=security(options)) as detector:
        found = detector.model_status()
    lines = [f"{each.version:<8} {each.state:<10} {each.error or ''}".rstrip() for each in found]
    data = [{"version": each.version, "state": each.state, "error": each.error} for each in found]
    return Answer("\n".join(["version  state      error", *lines]), data)
