"""`python -m ace_training faces DIR` draws faces, `python -m ace_training fit DIR OUT` trains a detector on them."""

import argparse
import contextlib
import dataclasses
import sys
from pathlib import Path

from ace_export.quiet import quiet_start

from .errors import TrainingError
from .presets import DEMO, PRESETS, Preset


def main(argv: list[str] | None = None) -> int:
    """0 where the faces or the detector were written, 1 with a line that says why not."""
    arguments = _parser().parse_args(argv)
    try:
        print(arguments.command(arguments))
    except TrainingError as error:
        print(f"ace-training: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("ace-training: interrupted, and nothing was written", file=sys.stderr)
        return 130
    return 0


def _faces(arguments: argparse.Namespace) -> Path:
    from .face_set import FaceSetPlan, write_face_set  # OpenCV takes half a second: --help does not wait for it

    plan = FaceSetPlan(train=arguments.train, val=arguments.val, test=arguments.test, seed=arguments.seed)
    return write_face_set(arguments.folder, plan)


def _fit(arguments: argparse.Namespace) -> Path:
    preset = _chosen_preset(arguments)
    with quiet_start():
        from .train import fit  # TensorFlow takes seconds: --help and a wrong flag do not wait for it

    with contextlib.redirect_stdout(sys.stderr):  # Keras prints there when it downloads weights
        return fit(arguments.data, arguments.out, preset, seed=arguments.seed, overwrite=arguments.overwrite)


def _chosen_preset(arguments: argparse.Namespace) -> Preset:
    """The preset named, with what the flags say otherwise."""
    flags = {name: getattr(arguments, name) for name in ("epochs", "weights")}
    return dataclasses.replace(
        PRESETS[arguments.preset], **{name: value for name, value in flags.items() if value is not None}
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ace-training",
        usage="python -m ace_training faces runs/faces && python -m ace_training fit runs/faces runs/fit",
        description="Draws faces, real and fake, and trains a detector of fakes on such a folder.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_faces(commands.add_parser("faces", usage="python -m ace_training faces DIR [options]", help="draw faces"))
    _add_fit(commands.add_parser("fit", usage="python -m ace_training fit DATA OUT [options]", help="train a detector"))
    return parser


def _add_faces(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_faces)
    parser.description = "Draws faces into DIR/{train,val,test}/{real,fake}/, whole or not at all, and prints DIR."
    parser.add_argument("folder", type=Path, metavar="DIR", help="a folder that does not exist, or is empty")
    for split, count in (("train", 2000), ("val", 400), ("test", 400)):
        parser.add_argument(
            f"--{split}", type=int, default=count, metavar="N", help="images, half of them real; default: %(default)s"
        )
    parser.add_argument("--seed", type=_seed, default=7, help="the same draws the same faces; default: %(default)s")


def _add_fit(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_fit)
    parser.description = (
        "Trains on DATA/{train,val,test}/{real,fake}/, writes OUT/detector.keras and OUT/report.json, and prints the "
        "path of the former."
    )
    parser.add_argument("data", type=Path, metavar="DATA", help="a folder of images, as `faces` draws them")
    parser.add_argument("out", type=Path, metavar="OUT", help="the folder that the detector is written to")
    parser.add_argument(
        "--preset",
        choices=PRESETS,
        default=DEMO.name,
        help="demo: a narrow Xception, minutes on two cores; xception: the full one, from ImageNet weights, on a GPU; "
        "default: %(default)s",
    )
    parser.add_argument("--epochs", type=int, metavar="N", help="at most so many; default: the preset's")
    parser.add_argument("--weights", metavar="imagenet|none|FILE", help="what to begin from; default: the preset's")
    parser.add_argument("--seed", type=_seed, default=7, help="of weights, order and variation; default: %(default)s")
    parser.add_argument("--overwrite", action="store_true", help="replace a detector that OUT has already")


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"{text} is no seed: pass a whole number from 0 up, below 2³²")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
