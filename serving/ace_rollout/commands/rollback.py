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
    parser.description = (
        "Takes a canary back, or returns to the version that was stable before, on the servers that answer. Names the "
        "others, which come up with what models.config then says."
    )
    parser.set_defaults(command=_rollback, name="rollback")
    parser.add_argument("--to", type=int, metavar="VERSION", help="return to this one")


def _rollback(options: argparse.Namespace) -> Answer:
    with named(options) as rollout:
        if not options.dry_run and _taken_back_by_its_own_process(rollout, options):
            return Answer("it was taken back by the process that ran it", {"taken_back": True})
    with named_alone(options) as rollout:
        plan = return_to(rollout, options.to, options.why)
        if options.dry_run:
            return Answer(str(plan), plan.facts())
        carry_out(rollout, plan)
        wishes.clear(rollout.wish)
        return Answer(f"version {plan.operation.version} is stable\n{plan}".strip(), plan.facts())


def _taken_back_by_its_own_process(rollout: Rollout, options: argparse.Namespace) -> bool:
    """Whether a process that runs a trial was told to end it, and did; False where there is none, or it has ended."""
    under_way, stable = rollout.journal.read(), rollout.served().stable
    if options.to is not None or under_way is None or not under_way.is_trial or not rollout.is_attended(under_way):
        return False
    wishes.put(rollout.wish, wishes.Wish(wishes.ROLLBACK, options.why))
    while rollout.is_attended(under_way):
        time.sleep(_LOOK_S)
    served = rollout.served()  # a canary may have been promoted just before it saw the wish
    return rollout.journal.read() is None and served.canary is None and served.stable == stable
