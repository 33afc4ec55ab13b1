"""What each augmentation is worth: the demo's network trained with one at a time, and asked about worsened images.

    python training/benchmarks/augmentation.py runs/faces                       # 9 trainings of 2 minutes on two cores
    python training/benchmarks/augmentation.py runs/faces --epochs 4 --ways jpeg blur

Prints a table: for each way, half of the time, the test AUC on the images as they are, and on images saved as poor
JPEGs, halved, blurred and noisy. `flip`, which is on everywhere, is the row to compare with. Trainings that are
finished lie in the folder of `--out` and are not done again.
"""

import argparse
import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from sklearn.metrics import roc_auc_score

from ace_export import pixels
from ace_training import image_ops as ops
from ace_training.config import Augmentation, Config
from ace_training.config_file import read_config
from ace_training.fitting import fit
from ace_training.image_files import find_images
from ace_training.input_pipeline import LoadedSplit, load_splits

WAYS = ("flip", "crop", "colour", "rescale", "blur", "noise", "jpeg", "erase", "self_blended")
SEED = tf.constant([0, 0], tf.int64)
WORSENED: dict[str, Callable[[tf.Tensor], tf.Tensor]] = {
    "as they are": lambda image: image,
    "JPEG 40": lambda image: ops.recompress(image, SEED, (40, 40)),
    "halved": lambda image: ops.rescale(image, SEED, (0.5, 0.5)),
    "blur 1 px": lambda image: ops.blur(image, SEED, (1, 1)),
    "noise 6": lambda image: ops.add_noise(image, SEED, (6, 6)),
}


def main() -> int:
    """Train where there is no detector yet, and print the table."""
    parser = argparse.ArgumentParser(description="python training/benchmarks/augmentation.py runs/faces")
    parser.add_argument("data", type=Path, help="a folder as `ace_training faces` draws it")
    parser.add_argument("--out", type=Path, default=Path("runs/augmentation"))
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    arguments = parser.parse_args()
    demo = read_config("demo", {"optimisation.epochs": arguments.epochs})
    files = find_images(arguments.data, seed=demo.optimisation.seed)
    images = load_splits({"test": files["test"]}, demo.model.input_px)["test"]
    rows = [f"| {'':12} | " + " | ".join(WORSENED) + " |", "|---" * (1 + len(WORSENED)) + "|"]
    for way in arguments.ways:
        detector = arguments.out / way / "detector.keras"
        if not detector.exists():
            fit(arguments.data, detector.parent, _with(demo, way))
        aucs = _aucs(keras.models.load_model(detector), images)
        rows.append(f"| {way:12} | " + " | ".join(f"{auc:{len(name)}.3f}" for name, auc in aucs.items()) + " |")
    print("\n".join(rows))
    return 0


def _with(demo: Config, way: str) -> Config:
    """The demo with flips, and with one more way of varying images half of the time."""
    off = {field.name: 0.0 for field in dataclasses.fields(Augmentation) if field.name.endswith("_probability")}
    chosen = off | {"flip_probability": 0.5} | {key: 0.5 for key in off if key == f"{way}_probability"}
    share = 0.25 if way == "self_blended" else 0.0
    return dataclasses.replace(
        demo,
        augmentation=dataclasses.replace(demo.augmentation, **chosen),
        data=dataclasses.replace(demo.data, self_blended_share=share),
    )


def _aucs(detector: keras.Model, images: LoadedSplit) -> dict[str, float]:
    found = {}
    for name, worsen in WORSENED.items():
        shown = np.stack([worsen(image) for image in images.source])
        prob_fake = detector.predict(pixels.scale(shown), batch_size=32, verbose=0)[:, 0]
        found[name] = float(roc_auc_score(images.labels, prob_fake))
    return found


if __name__ == "__main__":
    sys.exit(main())
