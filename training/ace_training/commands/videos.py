"""`python -m ace_training videos DIR`: draws a set of videos."""

import argparse
from pathlib import Path
from typing import Any

from .seeds import seed


def add(commands: Any) -> None:  # argparse's own type has no public name
    """Adds the command to those of the package."""
    parser = commands.add_parser("videos", usage="python -m ace_training videos DIR [options]", help="draw videos")
    parser.set_defaults(command=_videos)
    parser.description = (
        "Draws videos of faces, a real one and two fakes a person, into DIR, laid out as FaceForensics++ is, whole or "
        "not at all, and prints DIR."
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="a folder that does not exist, or is empty")
    for split, count in (("train", 24), ("val", 6), ("test", 6)):
        parser.add_argument(f"--{split}", type=int, default=count, metavar="N", help="people; default: %(default)s")
    parser.add_argument("--frames", type=int, default=20, metavar="N", help="of each video; default: %(default)s")
    parser.add_argument("--seed", type=seed, default=7, help="the same draws the same videos; default: %(default)s")


def _videos(arguments: argparse.Namespace) -> Path:
    from ace_training.video_set import VideoSetPlan, write_video_set  # OpenCV takes half a second

    plan = VideoSetPlan(
        train=arguments.train,
        val=arguments.val,
        test=arguments.test,
        frames=arguments.frames,
        seed=arguments.seed,
    )
    return write_video_set(arguments.folder, plan)
