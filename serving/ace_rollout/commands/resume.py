"""`ace-rollout resume`: lets a paused trial go on, and goes on with what was under way when its process ended."""

import argparse
from typing import Any

from ace_rollout import wishes
from ace_rollout.canary import Canary
from ace_rollout.errors import Refused
from ace_rollout.journal import CANARY, Operation
from ace_rollout.rollout import Rollout
from ace_rollout.shadow import Shadow
from ace_rollout.switching import carry_out, promotion, return_to

from .answer import Answer
from .flags import add_loading, named


def add(commands: Any) -> None:  # argparse's own type has no public name
    """Adds the command to those of the package."""
    parser = add_loading(commands, "resume", help="let a paused trial go on, or go on with what was interrupted")
    parser.set_defaults(command=_resume, name="resume")


def _resume(options: argparse.Namespace) -> Answer:
    with named(options) as rollout:
        operation = rollout.journal.read()
        if operation is None:
            raise Refused("Nothing is under way, and there is nothing to go on with.")
        data = {"resumed": str(operation)}
        if options.dry_run:
            return Answer(f"{operation} would go on", data)
        if rollout.is_attended(operation):
            wishes.refuse_where_taken_back(rollout.wish)
            rollout.history.add(f"{operation.name} resumed", operation.version, why=options.why)
            wishes.clear(rollout.wish)
            return Answer(f"{operation} goes on in {rollout.holder()}", data)
        with rollout.alone(f"ace-rollout resume: {operation}"):
            rollout.history.add(f"{operation.name} resumed", operation.version, why=options.why)
            return Answer(_go_on(rollout, operation), data)


def _go_on(rollout: Rollout, operation: Operation) -> str:
    if operation.is_trial:
        return (Canary if operation.name == CANARY else Shadow)(rollout, operation).run()
    plan = promotion if operation.name == "promote" else return_to
    carry_out(rollout, plan(rollout, operation.version, operation.why))
    return f"version {operation.version} is stable"
