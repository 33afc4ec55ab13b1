"""A small detector, as training would leave it, exported once for all tests that only read it."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from tensorflow.core.protobuf import config_pb2

from ace_export import golden
from ace_export.__main__ import main
from ace_export.detector import Detector, load_detector
from ace_export.exporter import export

SIZE = 96

Answer = Callable[[list[bytes]], dict[str, np.ndarray]]
Command = Callable[..., subprocess.CompletedProcess]


@pytest.fixture(scope="session")
def detector_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Untrained, with an output layer so steep that different images get different answers."""
    keras.utils.set_random_seed(3)
    image = keras.Input((SIZE, SIZE, 3))
    x = layers.SeparableConv2D(8, 3, strides=4)(image)
    x = layers.Activation("relu")(layers.BatchNormalization()(x))
    x = layers.GlobalAveragePooling2D()(x)
    prob_fake = layers.Dense(1, activation="sigmoid", kernel_initializer=keras.initializers.RandomNormal(stddev=4))(x)
    path = tmp_path_factory.mktemp("trained") / "detector.keras"
    keras.Model(image, prob_fake).save(path)
    return path


@pytest.fixture(scope="session")
def detector(detector_file: Path) -> Detector:
    return load_detector(detector_file)


@pytest.fixture(scope="session")
def version(detector_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(detector_file, tmp_path_factory.mktemp("models") / "detector")


@pytest.fixture(scope="session")
def changed(detector_file: Path, faces: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same detector, published as version 7 with all that a person and training may say of it."""
    folder = tmp_path_factory.mktemp("changed")
    shutil.copy(detector_file, folder)
    sha256 = hashlib.sha256(detector_file.read_bytes()).hexdigest()
    report = {"detector_sha256": sha256, "threshold": 0.4, "temperature": 1.5, "test": {"auc": 0.9}}
    (folder / "report.json").write_text(json.dumps(report))
    (folder / "images").mkdir()
    (folder / "images" / "mine.jpg").write_bytes(faces[0])
    arguments = ["--temperature=2", "--classes=fake,real", "--scale=unit", "--precision=bfloat16"]
    arguments += ["--max-pixels=1000000", f"--images={folder / 'images'}", "--version=7"]
    assert main([str(folder / "detector.keras"), str(folder / "models"), *arguments]) == 0
    return folder / "models" / "7"


@pytest.fixture(scope="session")
def command() -> Command:
    """The command as a person gives it, who has set none of TensorFlow's variables."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}

    def run(*arguments: str | Path) -> subprocess.CompletedProcess:
        words = [sys.executable, "-m", "ace_export", *arguments]
        return subprocess.run(words, capture_output=True, text=True, check=False, env=environment)

    return run


@pytest.fixture(scope="session")
def by_command(
    command: Command, detector_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, subprocess.CompletedProcess]:
    """Where a version was published in a process of its own, and what that said."""
    models = tmp_path_factory.mktemp("by command") / "models" / "detector"
    return models / "4", command(detector_file, models, "--version", "4")


@pytest.fixture(scope="session")
def signatures(version: Path) -> Mapping[str, Any]:
    """Those of the version as Python calls them, loaded once: it takes seconds, and the first call of each again."""
    return tf.saved_model.load(str(version)).signatures


@pytest.fixture(scope="session", params=["function", "session"])
def load(request: pytest.FixtureRequest) -> Callable[[Path], Answer]:
    """Gives the `serving_default` of a version, loaded as Python does or as TensorFlow Serving does."""
    return _as_function if request.param == "function" else _as_session


@pytest.fixture(scope="session")
def answer(version: Path, load: Callable[[Path], Answer]) -> Answer:
    return load(version)


@pytest.fixture(scope="session")
def golden_images() -> dict[str, bytes]:
    return {image.name: image.data for image in golden.draw()}


@pytest.fixture(scope="session")
def faces(golden_images: dict[str, bytes]) -> list[bytes]:
    """Three readable images of different sizes and formats."""
    return [golden_images[name] for name in ("jpeg quality 75", "png grey", "jpeg 100x150")]


def _as_function(version: Path) -> Answer:
    signature = tf.saved_model.load(str(version)).signatures["serving_default"]

    def answer(images: list[bytes]) -> dict[str, np.ndarray]:
        return {name: value.numpy() for name, value in signature(tf.constant(images, tf.string)).items()}

    return answer


def _as_session(version: Path) -> Answer:
    """With one thread, on which a dataset that waited for a second one would never return."""
    config = tf.compat.v1.ConfigProto(inter_op_parallelism_threads=1, intra_op_parallelism_threads=1)
    config.use_per_session_threads = True
    session = tf.compat.v1.Session(graph=tf.Graph(), config=config)
    with session.graph.as_default():
        signature = tf.compat.v1.saved_model.load(session, ["serve"], str(version)).signature_def["serving_default"]
    options = config_pb2.CallableOptions()
    options.feed.append(signature.inputs["image_bytes"].name)
    options.fetch.extend(output.name for output in signature.outputs.values())
    run = session._make_callable_from_options(options)
    return lambda images: dict(zip(signature.outputs, run(np.array(images, object)), strict=True))
