"""`ace-rollout promote`: makes a version the stable one."""

import argparse
from typing import Any

from ace_rollout.switching import carry_out, promotion

from .answer import Answer
from .flags import add_loading, named_alone


def add(commands: Any) -> None:  # argparse's own type has no public name
    """Adds the command to those of the package."""
    parser = add_loading(commands, "promote", help="have all callers served by a version; the one before stays loaded")
    parser.set_defaults(command=_promote, name="promote")
    parser.add_argument("version", type=int, nargs="?", help="default: the canary")


def _promote(options: argparse.Namespace) -> Answer:
    with named_alone(options) as rollout:
        plan = promotion(rollout, options.version, options.why)
        if options.dry_run:
            return Answer(str(plan), plan.facts())
        carry_out(rollout, plan)
        return Answer(f"version {plan.operation.version} is stable\n{plan}".strip(), plan.facts())
