"""`ace-rollout publish MODEL_DIR`: puts a version where the servers look, without having it served."""

import argparse
from pathlib import Path
from typing import Any

from ace_rollout.errors import Refused
from ace_rollout.publishing import numbered, publish
from ace_rollout.rollout import Rollout
from ace_rollout.versions import verified, versions

from .answer import Answer
from .flags import add_changing, named_alone


def add(commands: Any) -> None:  # argparse's own type has no public name
    """Adds the command to those of the package."""
    parser = add_changing(commands, "publish", help="copy a version to where the servers find it, or take one in there")
    parser.set_defaults(command=_publish, name="publish")
    parser.add_argument(
        "source", type=Path, metavar="MODEL_DIR", help="the folder of one version, as ace-export wrote it"
    )
    parser.add_argument(
        "--as", type=_number, dest="version", metavar="N", help="its number; default: the next free one"
    )


def _publish(options: argparse.Namespace) -> Answer:
    with named_alone(options) as rollout:
        number, in_place = numbered(options.source, rollout.folder, options.version, rollout.store)
        if not in_place:
            _refuse_where_it_would_be_served(rollout)
        if options.dry_run:
            verified(options.source)
            return Answer(f"{options.source} would be version {number} in {rollout.folder}", {"version": number})
        number, sha256 = publish(options.source, rollout.folder, options.version, rollout.store)
        rollout.history.add("published", number, why=options.why, source=str(options.source), sha256=sha256)
        return Answer(str(rollout.folder / str(number)), {"version": number, "sha256": sha256})


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError(f"{text} is no number of a version: pass a whole number from 1 up")
    return int(text)


def _refuse_where_it_would_be_served(rollout: Rollout) -> None:
    if versions(rollout.folder) and not rollout.served().versions:
        raise Refused(
            f"{rollout.file.path} leaves the version to the servers, and they would serve this one to all callers at "
            "once. Name the one that is to go on first, as in `ace-rollout promote 1`."
        )
