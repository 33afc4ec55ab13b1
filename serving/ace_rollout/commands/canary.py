"""`ace-rollout canary VERSION`: gives a version a growing share of the calls while gates watch it."""

import argparse
from typing import Any

from ace_rollout.canary import Canary, planned

from .answer import Answer
from .flags import add_changing, named_alone


def add(commands: Any) -> None:  # argparse's own type has no public name
    """Adds the command to those of the package."""
    parser = add_changing(commands, "canary", help="give a version a growing share of the calls while gates watch it")
    parser.set_defaults(command=_canary, name="canary")
    parser.add_argument("version", type=int)
    parser.add_argument(
        "--steps",
        type=_steps,
        default=[1.0, 5.0, 25.0, 50.0, 100.0],
        metavar="PERCENT,...",
        help="rising shares of the calls; after one of 100 the version is promoted; default: 1,5,25,50,100",
    )
    parser.add_argument("--hold", type=_seconds, default=60.0, metavar="60s", help="how long each lasts; default: 60s")


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


def _seconds(text: str) -> float:
    units = {"s": 1, "m": 60, "h": 3600}
    try:
        seconds = float(text.rstrip("smh")) * units[text[-1:] if text[-1:] in units else "s"]
    except ValueError:
        seconds = -1
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is no time: write 60s, 10m or 1h")
    return seconds
