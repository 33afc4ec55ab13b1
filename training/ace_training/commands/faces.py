"""`python -m ace_training faces DIR`: draws a set of faces."""

import argparse
from pathlib import Path
from typing import Any

from .seeds import seed


def add(commands: Any) -> None:  # argparse's own type has no public name
    """Adds the command to those of the package."""
    parser = commands.add_parser("faces", usage="python -m ace_training faces DIR [options]", help="draw faces")
    parser.set_defaults(command=_faces)
    parser.description = "Draws faces into DIR/{train,val,test}/{real,fake}/, whole or not at all, and prints DIR."
    parser.add_argument("folder", type=Path, metavar="DIR", help="a folder that does not exist, or is empty")
    for split, count in (("train", 2000), ("val", 400), ("test", 400)):
        parser.add_argument(
            f"--{split}", type=int, default=count, metavar="N", help="images, half of them real; default: %(default)s"
        )
    parser.add_argument("--seed", type=seed, default=7, help="the same draws the same faces; default: %(default)s")


def _faces(arguments: argparse.Namespace) -> Path:
    from ace_training.face_set import (  # OpenCV takes half a second
        FaceSetPlan,
        write_face_set,
    )

    plan = FaceSetPlan(train=arguments.train, val=arguments.val, test=arguments.test, seed=arguments.seed)
    return write_face_set(arguments.folder, plan)
