"""Trains one detector and writes it with the evidence that it works: detector.keras and report.json."""

import dataclasses
import hashlib
import json
import os
import platform
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
import tensorflow as tf
from sklearn.metrics import confusion_matrix, roc_auc_score

from ace_client.contract import DEFAULT_THRESHOLD

from .errors import OutputError
from .image_files import CLASS_NAMES, SPLITS, find_images
from .input_pipeline import evaluation_batches, load_split, training_batches
from .models import build_detector
from .presets import Preset
from .progress import EpochBars

DETECTOR_FILE: Final = "detector.keras"
REPORT_FILE: Final = "report.json"
_REPORTED_LIBRARIES: Final = ("keras", "numpy", "tensorflow")


def fit(data: Path, out: Path, preset: Preset, *, seed: int, overwrite: bool = False) -> Path:
    """Trains on `data`, keeps the epoch with the best validation AUC, tests it, and returns the detector's path.

    Raises:
        ImageFolderError: the images cannot be used.
        OutputError: `out` has a detector already and `overwrite` is false, or cannot be written.
        WeightsError: the preset's weights cannot be had.
    """
    began = time.perf_counter()
    _check_out(out, overwrite=overwrite)
    files = find_images(data, seed=seed)
    keras.utils.set_random_seed(seed)
    model = build_detector(preset)
    images = {split: load_split(files[split], preset, name=split) for split in SPLITS}
    history = _train(model, images, preset, seed)
    report = {
        "test": _tested(model, images["test"], preset),
        "preset": dataclasses.asdict(preset),
        "seed": seed,
        "class_names": CLASS_NAMES,
        "images": {split: files[split].counts() for split in SPLITS},
        "parameters": model.count_params(),
        "history": history,
        "versions": {"python": platform.python_version()} | {name: version(name) for name in _REPORTED_LIBRARIES},
        "seconds": round(time.perf_counter() - began, 1),
    }
    _write(out, model, report)
    return out / DETECTOR_FILE


def _train(model: keras.Model, images: dict[str, tf.data.Dataset], preset: Preset, seed: int) -> dict[str, Any]:
    """Fits the model in place and leaves it with the weights of its best epoch. Returns each epoch's figures."""
    batches = training_batches(images["train"], preset, seed=seed)
    model.compile(
        optimizer=keras.optimizers.Adam(_learning_rate(preset, steps=len(batches) * preset.epochs)),
        loss="binary_crossentropy",
        metrics=[keras.metrics.BinaryAccuracy(name="accuracy"), keras.metrics.AUC(name="auc")],
        jit_compile=bool(tf.config.list_physical_devices("GPU")),  # on CPUs XLA trains depthwise layers 10 times slower
    )
    best = keras.callbacks.EarlyStopping(
        monitor="val_auc", mode="max", patience=preset.patience, restore_best_weights=True
    )
    with EpochBars() as bars:
        history = model.fit(
            batches,
            validation_data=evaluation_batches(images["val"], preset),
            epochs=preset.epochs,
            callbacks=[best, bars],
            shuffle=False,  # the batches are shuffled already
            verbose=0,
        )
    return {name: [round(value, 5) for value in values] for name, values in history.history.items()}


def _learning_rate(preset: Preset, *, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """Up from a tenth in the first tenth of all steps, then down to nothing along a cosine."""
    warm_up = max(1, steps // 10)
    return keras.optimizers.schedules.CosineDecay(
        preset.learning_rate / 10,
        decay_steps=max(1, steps - warm_up),
        warmup_target=preset.learning_rate,
        warmup_steps=warm_up,
    )


def _tested(model: keras.Model, images: tf.data.Dataset, preset: Preset) -> dict[str, Any]:
    """Accuracy, AUC and confusion matrix (rows: truth, columns: answer) on images never trained on."""
    batches = evaluation_batches(images, preset)
    truth = np.concatenate([labels.numpy() for _, labels in batches])[:, 0].astype(int)
    prob_fake = model.predict(batches, verbose=0)[:, 0]
    matrix = confusion_matrix(truth, prob_fake >= DEFAULT_THRESHOLD, labels=range(len(CLASS_NAMES)))
    return {
        "accuracy": float(np.trace(matrix) / matrix.sum()),
        "auc": float(roc_auc_score(truth, prob_fake)),
        "confusion_matrix": matrix.tolist(),
    }


def _check_out(out: Path, *, overwrite: bool) -> None:
    """Finds out before training, not after it, whether the detector may be written."""
    if (out / DETECTOR_FILE).exists() and not overwrite:
        raise OutputError(f"{out} has a {DETECTOR_FILE} already. Name another folder, or pass --overwrite.")
    existing = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        raise OutputError(f"{out} cannot be written, for {existing} is no folder that takes files. Name another one.")


def _write(out: Path, model: keras.Model, report: dict[str, Any]) -> None:
    """Puts both files into `out` once both are whole."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".partial-", dir=out) as partial:
            model.save(Path(partial, DETECTOR_FILE))
            sha256 = hashlib.sha256(Path(partial, DETECTOR_FILE).read_bytes()).hexdigest()
            whole = report | {"detector_sha256": sha256}  # by which the export knows the report to be this detector's
            Path(partial, REPORT_FILE).write_text(json.dumps(whole, indent=2) + "\n")
            for name in (REPORT_FILE, DETECTOR_FILE):
                Path(partial, name).replace(out / name)
    except OSError as error:
        raise OutputError(f"{out} cannot be written: {error.strerror}. Name another folder.") from error
