"""The command line: what a server serves, and waiting until it serves what was published."""

import argparse
import sys
from collections.abc import Callable, Sequence

from ace_client import AceError, Detector
from ace_client.arguments import add_security, security
from ace_client.contract import MODEL_NAME

_DESCRIPTION = (
    "A version is published by ace-export, and the server takes it up on its own; `wait` returns once it answers."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """0 done, 1 the server is not there or does not serve what was asked, 2 usage, 130 interrupted."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], None] = options.command
    try:
        command(options)
    except (AceError, ValueError) as error:
        print(f"ace-rollout: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("ace-rollout: interrupted", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ace-rollout",
        usage="ace-rollout status 127.0.0.1:8500 | ace-rollout wait 127.0.0.1:8500 2 --timeout-s 120",
        description=_DESCRIPTION,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", prog="ace-rollout")
    status = commands.add_parser("status", help="the versions of the model and their states, as a table")
    status.add_argument("address", metavar="HOST:PORT")
    status.set_defaults(command=_status)
    wait = commands.add_parser("wait", help="return once the server answers with a version")
    wait.add_argument("address", metavar="HOST:PORT")
    wait.add_argument("version", type=int, help="the number of the version's folder")
    wait.add_argument("--timeout-s", type=float, default=120.0, help="seconds after which to give up (default 120)")
    wait.set_defaults(command=_wait)
    for subparser in (status, wait):
        add_security(subparser)
        subparser.add_argument("--model", default=MODEL_NAME, help=f"the model's name on the server ({MODEL_NAME})")
    return parser


def _connected(options: argparse.Namespace) -> Detector:
    return Detector(options.address, model=options.model, security=security(options))


def _status(options: argparse.Namespace) -> None:
    with _connected(options) as detector:
        statuses = detector.model_status()
    print("version  state      error")
    for status in statuses:
        print(f"{status.version:<8} {status.state:<10} {status.error or ''}".rstrip())


def _wait(options: argparse.Namespace) -> None:
    with _connected(options) as detector:
        detector.wait_ready(options.timeout_s, version=options.version)
    print(f"version {options.version} of {options.model} answers at {options.address}")


if __name__ == "__main__":
    sys.exit(main())
