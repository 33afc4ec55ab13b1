"""The flags that several commands have, and the rollout that they name."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ace_client.arguments import add_security, security
from ace_rollout.fleet import Away
from ace_rollout.rollout import Rollout, opened
from ace_rollout.settings import DEFAULT, read_settings

GO_ON = "go-on"


def add_reading(commands: Any, name: str, *, help: str) -> argparse.ArgumentParser:  # noqa: A002 - as argparse has it
    """A command that looks: --config, --json and the flags of security."""
    parser: argparse.ArgumentParser = commands.add_parser(name, help=help, description=f"{help[:1].upper()}{help[1:]}.")
    parser.add_argument("--config", type=Path, default=Path(DEFAULT), metavar="TOML", help="default: %(default)s")
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    add_security(parser)
    return parser


def add_changing(commands: Any, name: str, *, help: str) -> argparse.ArgumentParser:  # noqa: A002
    """A command that changes something: also --why and --dry-run."""
    parser = add_reading(commands, name, help=help)
    parser.add_argument("--why", default="", metavar="TEXT", help="for the history")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    return parser


def add_loading(commands: Any, name: str, *, help: str) -> argparse.ArgumentParser:  # noqa: A002
    """A command that has servers load a version: also --unreachable. A way back needs none: it leaves them out."""
    parser = add_changing(commands, name, help=help)
    parser.add_argument(
        "--unreachable",
        choices=(GO_ON, "stop"),
        default="stop",
        help="what to do where a server does not answer and others do; default: %(default)s",
    )
    return parser


def seconds(text: str) -> float:
    """A time as people write it, for argparse."""
    units = {"s": 1, "m": 60, "h": 3600}
    try:
        found = float(text.rstrip("smh")) * units[text[-1:] if text[-1:] in units else "s"]
    except ValueError:
        found = -1
    if not 0 <= found < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is no time: write 60s, 10m or 1h")
    return found


@contextmanager
def named(options: argparse.Namespace) -> Iterator[Rollout]:
    """The rollout that the flags name; raises SettingsError."""
    away: Away = "some" if getattr(options, "unreachable", "stop") == GO_ON else "none"
    with opened(read_settings(options.config), security(options), away=away) as rollout:
        yield rollout


@contextmanager
def named_alone(options: argparse.Namespace) -> Iterator[Rollout]:
    """Likewise, with nobody else at work on it, unless nothing is to be changed; raises Busy too."""
    with named(options) as rollout:
        if options.dry_run:
            yield rollout
            return
        with rollout.alone(f"ace-rollout {options.name}"):
            yield rollout
