"""`ace-rollout retire`: deletes old versions."""

import argparse
from typing import Any

from ace_rollout.retiring import retirable, retire

from .answer import Answer
from .flags import add_changing, named_alone


def add(commands: Any) -> None:  # argparse's own type has no public name
    """Adds the command to those of the package."""
    parser = add_changing(commands, "retire", help="delete old versions that nobody serves, names or may want back")
    parser.set_defaults(command=_retire, name="retire")
    parser.add_argument(
        "--keep", type=_count, default=3, metavar="N", help="the newest so many stay; default: %(default)s"
    )


def _retire(options: argparse.Namespace) -> Answer:
    with named_alone(options) as rollout:
        going, staying = retirable(rollout, options.keep)
        if not options.dry_run:
            retire(rollout, going, options.why)
        verb = "would be deleted" if options.dry_run else "deleted"
        lines = [f"{version}  {verb}" for version in going] + [f"{each}  stays: {why}" for each, why in staying.items()]
        return Answer("\n".join(lines), {"deleted": going, "staying": staying})


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is no number of versions: pass a whole number from 1 up")
    return int(text)
