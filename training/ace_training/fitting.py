"""`fit`: from a set of images to detector.keras, with the report of how it came about."""

import hashlib
import json
import os
import platform
import tempfile
import time
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
import tensorflow as tf
from sklearn.metrics import confusion_matrix, roc_auc_score

from ace_client.contract import DEFAULT_THRESHOLD

from . import checkpoint
from .checkpoint import Checkpoint, Progress
from .config import RANDOM, Config
from .config_file import as_dict, to_toml
from .errors import OutputError, TrainingStopped
from .image_files import CLASS_NAMES, SPLITS, ImageFiles, find_images
from .input_pipeline import LoadedSplit, evaluation_batches, load_splits
from .leakage import audited
from .manifest import images_digest, read_manifest
from .models import build_detector, compute_precision
from .train import Training, build_model, train

DETECTOR_FILE: Final = "detector.keras"
REPORT_FILE: Final = "report.json"
CONFIG_FILE: Final = "config.toml"
_REPORTED_LIBRARIES: Final = ("keras", "numpy", "tensorflow")


@dataclass(frozen=True, kw_only=True)
class FitOptions:
    """What does not go into the detector."""

    overwrite: bool = False  # what `out` holds of another training
    allow_leakage: bool = False


def fit(data: Path, out: Path, config: Config, options: FitOptions | None = None) -> Path:
    """Trains on `data`, keeps the epoch with the best validation AUC, tests it, and returns the detector's path.

    Killed at any moment and called again with the same arguments it goes on from the last finished epoch.

    Raises:
        DivergedError: the loss is no longer a number.
        ImageFolderError: the images cannot be used.
        LeakageError: something is in two splits, and the options do not allow that.
        OutputError: `out` holds another training's detector or checkpoint and the options do not say to overwrite it,
            or it cannot be written.
        TrainingStopped: Ctrl-C ended it, and the best model so far has been written.
        WeightsError: the config's weights cannot be had.
    """
    options = options or FitOptions()
    began_s = time.perf_counter()
    files = find_images(data, seed=config.optimisation.seed)
    images = images_digest(data, read_manifest(data))
    kept = Checkpoint(out / checkpoint.FOLDER, {"config": as_dict(config), "images": images})
    before = _progress_in(out, kept, overwrite=options.overwrite)
    leakage = audited(data, leakage_allowed=options.allow_leakage)
    _seed(config)
    model = build_model(config)  # before the images are read, for its weights may not be there
    splits = load_splits(files, config.model.input_px)
    interrupted = False
    try:
        train(model, Training(config=config, splits=splits, out=out, checkpoint=kept))
    except KeyboardInterrupt:
        interrupted = True
    progress = kept.read()
    if interrupted and not progress.epochs:
        raise KeyboardInterrupt
    detector = _best(config, kept, progress)
    report = {
        "test": _tested(detector, splits["test"], config),
        **_description(config, files, progress),
        "parameters": detector.count_params(),
        "interrupted": interrupted,
        "images_digest": images,  # by which `evaluate` knows the set
        "leakage": leakage,
        "seconds": round(before.seconds + time.perf_counter() - began_s, 1),
    }
    _write(out, detector, report, config)
    if interrupted:
        raise TrainingStopped(
            f"interrupted after epoch {progress.epochs} of {config.optimisation.epochs}; {out / DETECTOR_FILE} is the "
            f"best so far, of epoch {progress.best_epoch + 1}. The same command goes on."
        )
    kept.delete()
    return out / DETECTOR_FILE


def _progress_in(out: Path, kept: Checkpoint, *, overwrite: bool) -> Progress:
    """What there is to go on from, found out before training, like whether the detector may be written."""
    existing = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        raise OutputError(f"{out} cannot be written, for {existing} is no folder that takes files. Name another one.")
    progress = kept.go_on(overwrite=overwrite)
    if (out / DETECTOR_FILE).exists() and not progress.epochs and not overwrite:
        raise OutputError(f"{out} has a {DETECTOR_FILE} already. Name another folder, or pass --overwrite.")
    return progress


def _seed(config: Config) -> None:
    keras.utils.set_random_seed(config.optimisation.seed)
    if config.optimisation.deterministic:
        tf.config.experimental.enable_op_determinism()


def _best(config: Config, kept: Checkpoint, progress: Progress) -> keras.Model:
    """The detector of the best epoch, without an optimizer."""
    detector = build_detector(replace(config.model, weights=RANDOM))
    kept.restore(detector, progress.best_epoch)
    return detector


def _description(config: Config, files: dict[str, ImageFiles], progress: Progress) -> dict[str, Any]:
    """How the detector came about."""
    return {
        "config": as_dict(config),
        "seed": config.optimisation.seed,
        "class_names": CLASS_NAMES,
        "images": {split: files[split].counts() for split in SPLITS},
        "best_epoch": progress.best_epoch + 1,
        "history": progress.columns(),
        "computed_on": {
            "devices": [device.name for device in tf.config.list_logical_devices()],
            "mixed_precision": compute_precision(config.model),
        },
        "versions": {"python": platform.python_version()} | {name: version(name) for name in _REPORTED_LIBRARIES},
    }


def _tested(detector: keras.Model, images: LoadedSplit, config: Config) -> dict[str, Any]:
    """Accuracy, AUC and confusion matrix (rows: truth, columns: answer) on images never trained on."""
    prob_fake = detector.predict(evaluation_batches(images, config.optimisation.batch_images), verbose=0)[:, 0]
    matrix = confusion_matrix(images.labels, prob_fake >= DEFAULT_THRESHOLD, labels=range(len(CLASS_NAMES)))
    return {
        "accuracy": float(np.trace(matrix) / matrix.sum()),
        "auc": float(roc_auc_score(images.labels, prob_fake)),
        "confusion_matrix": matrix.tolist(),
    }


def _write(out: Path, detector: keras.Model, report: dict[str, Any], config: Config) -> None:
    """Puts the files into `out` once all are whole."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".partial-", dir=out) as partial:
            detector.save(Path(partial, DETECTOR_FILE))
            sha256 = hashlib.sha256(Path(partial, DETECTOR_FILE).read_bytes()).hexdigest()
            whole = report | {"detector_sha256": sha256}  # by which the export knows the report to be this detector's
            Path(partial, REPORT_FILE).write_text(json.dumps(whole, indent=2) + "\n")
            Path(partial, CONFIG_FILE).write_text(to_toml(config))
            for name in (CONFIG_FILE, REPORT_FILE, DETECTOR_FILE):
                Path(partial, name).replace(out / name)
    except OSError as error:
        raise OutputError(
            f"{out} cannot be written: {error.strerror}. Once there is room, the same command writes it."
        ) from error
