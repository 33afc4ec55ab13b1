"""`ace-rollout history`: what was done, by whom, and why."""

import argparse
from typing import Any

from .answer import Answer
from .flags import add_reading, named


def add(commands: Any) -> None:  # argparse's own type has no public name
    """Adds the command to those of the package."""
    parser = add_reading(commands, "history", help="what was done, by whom, and why, the latest last")
    parser.set_defaults(command=_history, name="history")


def _history(options: argparse.Namespace) -> Answer:
    with named(options) as rollout:
        entries = list(rollout.history.entries())
    lines = (
        f"{each['at']}  {each['who']}  {each['what']} {each['version']}  {each.get('why', '')}" for each in entries
    )
    return Answer("\n".join(line.rstrip() for line in lines), entries)
