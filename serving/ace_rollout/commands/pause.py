"""`ace-rollout pause`: has a canary stay at its share, or a shadow go on."""

import argparse
from typing import Any

from ace_rollout import wishes
from ace_rollout.errors import Refused

from .answer import Answer
from .flags import add_reading, named


def add(commands: Any) -> None:  # argparse's own type has no public name
    """Adds the command to those of the package."""
    parser = add_reading(commands, "pause", help="have a trial stay at its share; its gates go on watching")
    parser.set_defaults(command=_pause, name="pause")
    parser.add_argument("--why", default="", metavar="TEXT", help="for the history")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")


def _pause(options: argparse.Namespace) -> Answer:
    with named(options) as rollout:
        under_way = rollout.journal.read()
        if under_way is None or not under_way.is_trial:
            raise Refused("No canary or shadow is under way, and there is nothing to pause.")
        wishes.refuse_where_taken_back(rollout.wish)
        if not options.dry_run:
            rollout.history.add(f"{under_way.name} paused", under_way.version, why=options.why)
            wishes.put(rollout.wish, wishes.Wish(wishes.PAUSE, options.why))
        return Answer(f"{under_way} stays at its share until ace-rollout resume", {"paused": str(under_way)})
