"""`python -m ace_training`: from videos, or drawn faces, to a detector and what it is worth."""

import argparse
import sys

from .commands import COMMANDS
from .errors import TrainingError, TrainingStopped


def main(argv: list[str] | None = None) -> int:
    """0 where the command did what it says, 1 with a line that says why not, 130 where it was interrupted."""
    arguments = _parser().parse_args(argv)
    try:
        print(arguments.command(arguments))
    except TrainingError as error:
        print(f"ace-training: {error}", file=sys.stderr)
        return 130 if isinstance(error, TrainingStopped) else 1
    except KeyboardInterrupt:
        print("ace-training: interrupted, and nothing was written", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ace-training",
        usage="python -m ace_training faces runs/faces && python -m ace_training fit runs/faces runs/fit",
        description="Draws or prepares a set of faces, looks for leakage, trains a detector of fakes and evaluates it.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", prog="ace-training")
    for command in COMMANDS:
        command.add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
