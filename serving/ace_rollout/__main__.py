"""`ace-rollout`: versions into production, and out of it again."""

import argparse
import json
import sys
from collections.abc import Sequence

from ace_client import AceError

from .commands import COMMANDS
from .errors import RolledBack, RolloutError


def main(arguments: Sequence[str] | None = None) -> int:
    """0 done, 1 not done and why in words, 2 usage, 3 a canary did not pass and was taken back, 130 interrupted."""
    options = _parser().parse_args(arguments)
    try:
        answer = options.command(options)
    except RolledBack as error:
        print(f"ace-rollout: {error}", file=sys.stderr)
        return 3
    except (RolloutError, AceError, ValueError) as error:
        print(f"ace-rollout: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("ace-rollout: interrupted", file=sys.stderr)
        return 130
    print(json.dumps(answer.data) if options.json else answer.text)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ace-rollout",
        usage="ace-rollout publish runs/models/detector/2 && ace-rollout promote 2",
        description="Brings versions of a model into production. rollout.toml says which model, files and servers.",
        epilog="exit status: 0 done, 1 not done, 2 usage, 3 a canary did not pass and was taken back, 130 interrupted",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", prog="ace-rollout")
    for command in COMMANDS:
        command.add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
