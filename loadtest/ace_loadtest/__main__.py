"""`ace-loadtest`: load on a served detector, and what it showed."""

import argparse
import sys

from ace_client import AceError

from .commands import COMMANDS
from .errors import LoadTestError


def main(argv: list[str] | None = None) -> int:
    """Parses the arguments and does what they say: `run` where no command is named.

    The exit status: 0 done, 1 nothing could be measured or the run is invalid, 2 wrong arguments, 130 interrupted (with
    a partial report).
    """
    parser = _parser()
    options = parser.parse_args(_with_command(sys.argv[1:] if argv is None else argv))
    try:
        work = options.plan(options)
    except ValueError as error:
        parser.error(str(error))
    except LoadTestError as error:
        print(f"ace-loadtest: {error}", file=sys.stderr)
        return 1
    try:
        status: int = options.command(options, work)
    except (LoadTestError, AceError, ValueError) as error:
        print(f"ace-loadtest: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("ace-loadtest: interrupted", file=sys.stderr)
        return 130
    return status


def _with_command(arguments: list[str]) -> list[str]:
    """The shortest form, HOST:PORT and flags, is `run`; `--self-test` is the command of that name."""
    if arguments[:1] == ["--self-test"]:
        return ["self-test", *arguments[1:]]
    names = {command.__name__.rpartition(".")[2].replace("_", "-") for command in COMMANDS}
    return arguments if arguments[:1] in ([], ["-h"], ["--help"]) or arguments[0] in names else ["run", *arguments]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ace-loadtest",
        usage="ace-loadtest 127.0.0.1:8500 --rate 50 --seconds 20 --images faces/test [option ...]",
        description="Put load on a served detector, and say what it showed. `ace-loadtest run --help` has the options.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", prog="ace-loadtest")
    for command in COMMANDS:
        command.add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
