from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from ace_export.detector import load_detector
from ace_export.folding import fold
from ace_export.head import Head
from ace_export.settings import Settings

SIZE = 24

Layers = Sequence[layers.Layer]


def sigmoid(logit: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logit.astype(np.float64)))


def of(*ends: layers.Layer) -> keras.Model:
    return keras.Sequential([keras.Input((SIZE, SIZE, 3)), layers.GlobalAveragePooling2D(), *ends])


def with_an_operation() -> keras.Model:
    body = of(layers.Dense(1))
    return keras.Model(body.inputs, keras.ops.sigmoid(body.outputs[0]))


def nested() -> keras.Model:
    return keras.Sequential([keras.Input((SIZE, SIZE, 3)), of(layers.Dense(1, activation="sigmoid"))])


HEADS = {  # a model, and how P of class 1 is read from its output
    "sigmoid": (lambda: of(layers.Dense(1, activation="sigmoid")), lambda out: out[:, 0]),
    "sigmoid apart": (lambda: of(layers.Dense(1), layers.Activation("sigmoid")), lambda out: out[:, 0]),
    "sigmoid, cast": (
        lambda: of(layers.Dense(1, activation="sigmoid"), layers.Activation("linear", dtype="float32")),
        lambda out: out[:, 0],
    ),
    "sigmoid, reshaped": (
        lambda: of(layers.Dense(1, activation="sigmoid"), layers.Reshape((1,))),
        lambda out: out[:, 0],
    ),
    "sigmoid as an operation": (with_an_operation, lambda out: out[:, 0]),
    "sigmoid, nested": (nested, lambda out: out[:, 0]),
    "logit": (lambda: of(layers.Dense(1)), lambda out: sigmoid(out[:, 0])),
    "softmax": (lambda: of(layers.Dense(2, activation="softmax")), lambda out: out[:, 1]),
    "softmax apart": (lambda: of(layers.Dense(2), layers.Softmax()), lambda out: out[:, 1]),
    "two logits": (lambda: of(layers.Dense(2)), lambda out: sigmoid(out[:, 1] - out[:, 0])),
}


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("classes", [None, ("fake", "real")], ids=["real first", "fake first"])
@pytest.mark.parametrize("kind", HEADS)
def test_prob_fake_is_what_the_model_says_of_the_class_fake(
    kind: str, classes: tuple[str, str] | None, precision: str, tmp_path: Path
):
    build, prob_of_one = HEADS[kind]
    keras.utils.set_random_seed(2)
    model = build()
    model.save(tmp_path / "detector.keras")
    pixels = np.random.default_rng(0).integers(0, 256, (5, 1, 1, 3)) * np.ones((1, SIZE, SIZE, 1), int)
    expected = prob_of_one(model.predict(pixels / 127.5 - 1, verbose=0))
    assert np.ptp(expected) > 0.1

    detector = load_detector(tmp_path / "detector.keras", Settings(classes=classes, precision=precision))
    outputs = fold(detector.network, detector.scaling)(tf.constant(pixels, tf.uint8))
    found = detector.head.prob_fake(outputs.answers, outputs.logits)

    tolerance = 1e-5 if precision == "float32" else 5e-3
    np.testing.assert_allclose(found, 1 - expected if classes else expected, atol=tolerance)


LOGITS = np.array([-30.0, -2.0, 0.0, 1.0, 40.0])


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
@pytest.mark.parametrize(
    ("head", "outputs"),
    [
        (Head("sigmoid"), lambda z: (sigmoid(z)[:, None], z[:, None])),
        (Head("linear"), lambda z: (z[:, None], None)),
        (Head("linear"), lambda z: (np.stack([z * 0 + 5, z + 5], 1), None)),
        (Head("softmax"), lambda z: (np.stack([sigmoid(-z), sigmoid(z)], 1), None)),
        (Head("softmax"), lambda z: (np.stack([sigmoid(-z), sigmoid(z)], 1), np.stack([z * 0, z], 1))),
    ],
)
def test_a_temperature_divides_the_logit_whatever_the_model_puts_out(
    head: Head, outputs: Callable[[np.ndarray], tuple], temperature: float
):
    answers, logits = outputs(LOGITS)
    answers, logits = tf.constant(answers, tf.float32), None if logits is None else tf.constant(logits, tf.float32)

    found = Head(head.activation, temperature=temperature).prob_fake(answers, logits)

    np.testing.assert_allclose(found, sigmoid(LOGITS / temperature), atol=1e-6)


def test_a_sigmoid_whose_logit_is_lost_is_turned_back_and_saturates():
    answers = tf.constant([[0.0], [0.2], [0.5], [1.0]])

    np.testing.assert_allclose(Head("sigmoid").prob_fake(answers, None), answers[:, 0], atol=1e-6)
    np.testing.assert_allclose(Head("sigmoid", temperature=2).prob_fake(answers, None), [0, 1 / 3, 0.5, 1], atol=1e-6)
