"""`ace-rollout canary VERSION`: gives a version a growing share of the calls while gates watch it."""

import argparse
from typing import Any

from ace_rollout.canary import Canary, planned

from .answer import Answer
from .flags import add_loading, named_alone, seconds


def add(commands: Any) -> None:  # argparse's own type has no public name
    """Adds the command to those of the package."""
    parser = add_loading(commands, "canary", help="give a version a growing share of the calls while gates watch it")
    parser.set_defaults(command=_canary, name="canary")
    parser.add_argument("version", type=int)
    parser.add_argument(
        "--steps",
        type=_steps,
        metavar="PERCENT,...",
        help="rising shares of the calls; after one of 100 it is promoted; default: 1,5,25,50,100, or those under way",
    )
    parser.add_argument("--hold", type=seconds, metavar="60s", help="how long each lasts; default: 60s")


def _canary(options: argparse.Namespace) -> Answer:
    with named_alone(options) as rollout:
        operation = planned(rollout, options.version, options.steps, options.hold, options.why)
        if options.dry_run:
            steps = ", ".join(f"{share:g} %" for share in operation.settings["steps"])
            return Answer(f"{operation}: {steps}, {operation.settings['hold_s']:g} s each", operation.settings)
        end = Canary(rollout, operation).run()
        return Answer(end, {"version": options.version, "end": end})


def _steps(text: str) -> list[float]:
    try:
        steps = [float(part) for part in text.split(",")]
    except ValueError:
        steps = []
    if not steps or steps != sorted(set(steps)) or not 0 < steps[0] <= steps[-1] <= 100:
        raise argparse.ArgumentTypeError(f"{text} are no rising shares in percent: write 1,5,25,50,100")
    return steps
