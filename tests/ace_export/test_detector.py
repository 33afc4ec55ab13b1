from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from ace_export.detector import load_detector
from ace_export.errors import ModelError

IMAGE = (32, 32, 3)


def classifier(
    shape: tuple[int | None, ...] = IMAGE, *, units: int = 1, activation: str | None = "sigmoid"
) -> keras.Model:
    image = keras.Input(shape)
    pooled = layers.GlobalAveragePooling2D()(image) if len(shape) == 3 else image
    return keras.Model(image, layers.Dense(units, activation=activation)(pooled))


def with_two_inputs() -> keras.Model:
    images = [keras.Input(IMAGE), keras.Input(IMAGE)]
    return keras.Model(images, layers.Dense(1, activation="sigmoid")(layers.Flatten()(layers.add(images))))


def with_two_outputs() -> keras.Model:
    model = classifier()
    return keras.Model(model.inputs, [model.outputs[0], model.outputs[0]])


def test_reads_the_input_size_and_the_files_hash(detector_file: Path):
    detector = load_detector(detector_file)

    assert detector.input_size == 96
    assert detector.file_name == "detector.keras"
    assert len(detector.sha256) == 64


@pytest.mark.parametrize(
    ("build", "found"),
    [
        (lambda: classifier((100,)), "its input is [n, 100], not [n, size, size, 3]"),
        (lambda: classifier((32, 64, 3)), "its input is [n, 32, 64, 3]"),
        (lambda: classifier((None, None, 3)), "its input is [n, n, n, 3]"),
        (lambda: classifier((32, 32, 1)), "its input is [n, 32, 32, 1]"),
        (lambda: classifier(units=10, activation="softmax"), "its output is [n, 10]"),
        (lambda: classifier(activation=None), "its output ends in linear, not in sigmoid"),
        (with_two_inputs, "it has 2 inputs"),
        (with_two_outputs, "it has 2 outputs"),
        (lambda: keras.Sequential([keras.Input(IMAGE), layers.Conv2D(1, 3)]), "its output is [n, 30, 30, 1]"),
    ],
)
def test_a_model_that_is_no_binary_image_classifier_is_named_for_what_it_is(
    build: Callable[[], keras.Model], found: str, tmp_path: Path
):
    build().save(tmp_path / "other.keras")

    with pytest.raises(ModelError, match="holds no binary image classifier") as error:
        load_detector(tmp_path / "other.keras")

    assert found in str(error.value)


@pytest.mark.parametrize(
    "build",
    [
        classifier,
        lambda: keras.Sequential([keras.Input(IMAGE), layers.Flatten(), layers.Dense(1, activation="sigmoid")]),
        lambda: keras.Sequential([keras.Input(IMAGE), layers.Flatten(), layers.Dense(1), layers.Activation("sigmoid")]),
        lambda: keras.Sequential([keras.Input(IMAGE), classifier()]),
    ],
    ids=["functional", "sequential", "activation layer", "nested"],
)
def test_a_binary_image_classifier_is_accepted_however_it_is_built(build: Callable[[], keras.Model], tmp_path: Path):
    model = build()
    model.save(tmp_path / "detector.keras")
    image = np.random.default_rng(0).uniform(-1, 1, (2, *IMAGE)).astype(np.float32)

    detector = load_detector(tmp_path / "detector.keras")

    np.testing.assert_allclose(detector.network.predict(image, verbose=0), model.predict(image, verbose=0), atol=1e-6)


def test_a_lambda_is_not_run(tmp_path: Path):
    image = keras.Input(IMAGE)
    keras.Model(image, layers.Lambda(lambda x: x[:, 0, 0, :1])(image)).save(tmp_path / "lambda.keras")

    with pytest.raises(ModelError, match="custom objects and lambdas are not run"):
        load_detector(tmp_path / "lambda.keras")


def test_a_custom_layer_is_not_run(tmp_path: Path):
    class Custom(layers.Layer):
        def call(self, x):
            return x[:, 0, 0, :1]

    image = keras.Input(IMAGE)
    keras.Model(image, Custom()(image)).save(tmp_path / "custom.keras")

    with pytest.raises(ModelError, match="custom objects and lambdas are not run"):
        load_detector(tmp_path / "custom.keras")


def test_a_cut_off_file_is_refused(detector_file: Path, tmp_path: Path):
    content = detector_file.read_bytes()
    (tmp_path / "cut.keras").write_bytes(content[: len(content) // 2])

    with pytest.raises(ModelError, match=r"is no \.keras file"):
        load_detector(tmp_path / "cut.keras")


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float32"])
def test_a_model_of_any_precision_computes_in_float32_with_the_same_weights(policy: str, tmp_path: Path):
    image = keras.Input(IMAGE)
    x = layers.BatchNormalization(dtype=policy)(layers.Conv2D(4, 3, dtype=policy)(image))
    x = layers.GlobalAveragePooling2D(dtype=policy)(x)
    nested = keras.Sequential([keras.Input((4,)), layers.Dense(3, activation="relu", dtype=policy)])
    trained = keras.Model(image, layers.Dense(1, activation="sigmoid", dtype="float32")(nested(x)))
    trained.save(tmp_path / "detector.keras")

    rebuilt = load_detector(tmp_path / "detector.keras").network

    flat = rebuilt._flatten_layers()
    assert {layer.compute_dtype for layer in flat if not isinstance(layer, keras.Model)} == {"float32"}
    for before, after in zip(trained.get_weights(), rebuilt.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    images = np.random.default_rng(0).uniform(-1, 1, (2, *IMAGE)).astype(np.float32)
    np.testing.assert_allclose(rebuilt.predict(images, verbose=0), trained.predict(images, verbose=0), atol=1e-2)
