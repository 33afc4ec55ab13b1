"""`ace-rollout shadow VERSION`: puts a share of the live requests to a version too, behind the callers' backs."""

import argparse
from typing import Any

from ace_rollout.shadow import Shadow, planned

from .answer import Answer
from .flags import add_loading, named_alone, seconds


def add(commands: Any) -> None:  # argparse's own type has no public name
    """Adds the command to those of the package."""
    parser = add_loading(commands, "shadow", help="put a share of the live requests to a version too, unseen")
    parser.set_defaults(command=_shadow, name="shadow")
    parser.add_argument("version", type=int)
    parser.add_argument(
        "--share",
        type=_percent,
        default=10.0,
        metavar="10%",
        help="of the requests; default: 10%%",
    )
    parser.add_argument("--hold", type=seconds, default=600.0, metavar="10m", help="how long; default: 10m")


def _shadow(options: argparse.Namespace) -> Answer:
    with named_alone(options) as rollout:
        operation = planned(rollout, options.version, options.share, options.hold, options.why)
        settings = operation.settings
        if options.dry_run:
            return Answer(f"{operation}: {settings['share']:g} % for {settings['hold_s']:g} s", settings)
        end = Shadow(rollout, operation).run()
        return Answer(end, {"version": options.version, "end": end})


def _percent(text: str) -> float:
    try:
        share = float(text.rstrip("%"))
    except ValueError:
        share = -1
    if not 0 < share <= 100:
        raise argparse.ArgumentTypeError(f"{text} is no share in percent: write 10%")
    return share
