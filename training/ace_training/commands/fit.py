"""`python -m ace_training fit DATA OUT`: trains a detector."""

import argparse
import contextlib
import sys
from pathlib import Path
from typing import Any

from ace_export.quiet import quiet_start
from ace_training.config_file import config_names, read_config

from .seeds import seed


def add(commands: Any) -> None:  # argparse's own type has no public name
    """Adds the command to those of the package."""
    parser = commands.add_parser("fit", usage="python -m ace_training fit DATA OUT [options]", help="train a detector")
    parser.set_defaults(command=_fit)
    parser.description = (
        "Trains on DATA/{train,val,test}/{real,fake}/, writes OUT/detector.keras, report.json, config.toml, "
        "history.csv and TensorBoard's logs, and prints the path of the first. Killed and given again, it goes on from "
        "the last finished epoch."
    )
    parser.add_argument("data", type=Path, metavar="DATA", help="a folder of images, as `faces` draws them")
    parser.add_argument("out", type=Path, metavar="OUT", help="the folder that the detector is written to")
    parser.add_argument(
        "--config",
        default="demo",
        metavar="NAME|FILE",
        help=f"how: one of {', '.join(config_names())}, or a file like those; default: %(default)s",
    )
    parser.add_argument("--epochs", type=int, metavar="N", help="at most so many; default: the config's")
    parser.add_argument("--weights", metavar="imagenet|none|FILE", help="what to begin from; default: the config's")
    parser.add_argument("--seed", type=seed, help="of weights, order and variation; default: the config's")
    parser.add_argument("--overwrite", action="store_true", help="replace what OUT has of another training")
    parser.add_argument("--allow-leakage", action="store_true", help="train though something is in two splits")


def _fit(arguments: argparse.Namespace) -> Path:
    flags = {
        "optimisation.epochs": arguments.epochs,
        "model.weights": arguments.weights,
        "optimisation.seed": arguments.seed,
    }
    config = read_config(arguments.config, {key: value for key, value in flags.items() if value is not None})
    with quiet_start():
        from ace_training.fitting import (  # TensorFlow takes seconds: --help and a wrong flag do not wait for it
            FitOptions,
            fit,
        )

    options = FitOptions(overwrite=arguments.overwrite, allow_leakage=arguments.allow_leakage)
    with contextlib.redirect_stdout(sys.stderr):  # Keras prints there when it downloads weights
        return fit(arguments.data, arguments.out, config, options)
