"""`python -m ace_training fit DATA OUT`: trains a detector."""

import argparse
import contextlib
import dataclasses
import sys
from pathlib import Path
from typing import Any

from ace_export.quiet import quiet_start
from ace_training.presets import DEMO, PRESETS, Preset

from .seeds import seed


def add(commands: Any) -> None:  # argparse's own type has no public name
    """Adds the command to those of the package."""
    parser = commands.add_parser("fit", usage="python -m ace_training fit DATA OUT [options]", help="train a detector")
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
    parser.add_argument("--seed", type=seed, default=7, help="of weights, order and variation; default: %(default)s")
    parser.add_argument("--overwrite", action="store_true", help="replace a detector that OUT has already")


def _fit(arguments: argparse.Namespace) -> Path:
    preset = _chosen_preset(arguments)
    with quiet_start():
        from ace_training.train import fit  # TensorFlow takes seconds: --help and a wrong flag do not wait for it

    with contextlib.redirect_stdout(sys.stderr):  # Keras prints there when it downloads weights
        return fit(arguments.data, arguments.out, preset, seed=arguments.seed, overwrite=arguments.overwrite)


def _chosen_preset(arguments: argparse.Namespace) -> Preset:
    """The preset named, with what the flags say otherwise."""
    flags = {name: getattr(arguments, name) for name in ("epochs", "weights")}
    return dataclasses.replace(
        PRESETS[arguments.preset], **{name: value for name, value in flags.items() if value is not None}
    )
