"""`ace-rollout rollback`: takes a canary back, or returns to the version that was stable before."""

import argparse
import time
from typing import Any

from ace_rollout import wishes
from ace_rollout.rollout import Rollout
from ace_rollout.switching import carry_out, return_to

from .answer import Answer
from .flags import add_changing, named, named_alone

_LOOK_S = 0.1


def add(commands: Any) -> None:  # argparse's own type has no public name
    """Adds the command to those of the package."""
    parser = add_changing(commands, "rollback", help="take a canary back, or return to the version before")
    parser.set_defaults(command=_rollback, name="rollback")
    parser.add_argument("--to", type=int, metavar="VERSION", help="return to this one")


def _rollback(options: argparse.Namespace) -> Answer:
    with named(options) as rollout:
        if not options.dry_run and _taken_back_by_its_own_process(rollout, options):
            return Answer("the canary was taken back by the process that ran it", {"taken_back": True})
    with named_alone(options) as rollout:
        plan = return_to(rollout, options.to, options.why)
        if options.dry_run:
            return Answer(str(plan), plan.facts())
        carry_out(rollout, plan)
        wishes.clear(rollout.wish)
        return Answer(f"version {plan.operation.version} is stable\n{plan}".strip(), plan.facts())


def _taken_back_by_its_own_process(rollout: Rollout, options: argparse.Namespace) -> bool:
    """Whether a process that runs a canary was told to end it, and did; False where there is none, or it has ended."""
    under_way = rollout.journal.read()
    if options.to is not None or under_way is None or under_way.name != "canary" or not rollout.is_worked_on():
        return False
    wishes.put(rollout.wish, wishes.Wish(wishes.ROLLBACK, options.why))
    while rollout.is_worked_on():
        time.sleep(_LOOK_S)
    return wishes.read(rollout.wish) is None
