"""`python -m ace_training prepare SOURCE OUT`: cuts faces from videos."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .seeds import seed

if TYPE_CHECKING:
    from ace_training.sources import Source

_NO_SPLITS = "none"


def add(commands: Any) -> None:  # argparse's own type has no public name
    """Adds the command to those of the package."""
    parser = commands.add_parser(
        "prepare",
        usage="python -m ace_training prepare SOURCE OUT [options]\n"
        "       python -m ace_training prepare --real DIR --fake DIR OUT [options]",
        help="cut faces from videos",
    )
    parser.set_defaults(command=_prepare, usage_error=parser.error)
    parser.description = (
        "Cuts the face of one person from each video into OUT/{train,val,test}/{real,fake}/, with OUT/manifest.csv, "
        "and prints OUT. Killed and run again it goes on. Nobody is in two splits."
    )
    source = parser.add_argument_group("the videos")
    source.add_argument(
        "source",
        type=Path,
        metavar="SOURCE",
        nargs="?",
        help="a FaceForensics++ tree, or a folder that has real/ and fake/",
    )
    source.add_argument("--real", type=Path, metavar="DIR", help="videos, or images, of real faces at any depth")
    source.add_argument("--fake", type=Path, metavar="DIR", help="likewise of fake ones")
    source.add_argument(
        "--people",
        metavar="REGEX|FILE.csv",
        help="who is in each file, where it is no tree: an expression with the groups (?P<identity>) and, where they "
        "apply, donor, video and frame, searched in real/NAME or fake/NAME; or a table with such columns and `file`; "
        "default: each video has a person of its own, but a fake A_B of real videos A and B has theirs, and images "
        "named VIDEO_FRAME are one video's",
    )
    source.add_argument("--compression", default="c23", help="which of a tree's: raw, c23 or c40; default: %(default)s")
    parser.add_argument("out", type=Path, metavar="OUT", help="a new folder, or one that the same command began")
    parser.add_argument(
        "--splits",
        metavar=f"DIR|{_NO_SPLITS}",
        help="where train.json, val.json and test.json lie; default: a tree's splits/ where there is one, else by "
        f"people who share a face, 72, 14 and 14 %%; {_NO_SPLITS}: always so",
    )
    parser.add_argument("--frames", type=int, default=16, metavar="N", help="of each video; default: %(default)s")
    parser.add_argument("--margin", type=float, default=1.3, help="crop by face; default: %(default)s")
    parser.add_argument("--whole", action="store_true", help="take frames as they are: they are faces already")
    parser.add_argument(
        "--detector-weights", type=Path, metavar="FILE", help="YuNet's ONNX file; default: OpenCV's frontal cascade"
    )
    parser.add_argument("--seed", type=seed, default=7, help="of splits by people; default: %(default)s")
    parser.add_argument("--processes", type=int, metavar="N", help="default: one a CPU")


def _prepare(arguments: argparse.Namespace) -> Path:
    from ace_training.errors import TrainingStopped
    from ace_training.prepare import CropSettings, prepare  # OpenCV takes half a second
    from ace_training.splitting import split_by_people, split_officially

    settings = CropSettings(
        frames=arguments.frames,
        margin=arguments.margin,
        whole=arguments.whole,
        detector_weights=arguments.detector_weights,
    )
    sources = _sources(arguments)
    splits = _splits(arguments)
    split_of = split_officially(sources, splits) if splits else split_by_people(sources, seed=arguments.seed)
    try:
        return prepare(arguments.out, sources, split_of, settings, processes=arguments.processes)
    except KeyboardInterrupt as interrupt:
        raise TrainingStopped(f"interrupted; the same command goes on with {arguments.out}") from interrupt


def _sources(arguments: argparse.Namespace) -> "list[Source]":
    from ace_training.sources import find_in_folders, find_in_tree, is_tree

    folders = (arguments.real, arguments.fake)
    if (arguments.source is None) != all(folders) or (arguments.source and any(folders)):
        arguments.usage_error("pass either SOURCE or both --real and --fake")
    if arguments.source is None:
        return find_in_folders(*folders, arguments.people)
    if is_tree(arguments.source):
        if arguments.people:
            arguments.usage_error("--people does not go with a FaceForensics++ tree, whose names say it")
        return find_in_tree(arguments.source, arguments.compression)
    return find_in_folders(arguments.source / "real", arguments.source / "fake", arguments.people)


def _splits(arguments: argparse.Namespace) -> Path | None:
    """The folder with the official files; None where splits are made by people."""
    if arguments.splits:
        return None if arguments.splits == _NO_SPLITS else Path(arguments.splits)
    own = arguments.source / "splits" if arguments.source else None
    return own if own and own.is_dir() else None
