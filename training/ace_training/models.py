"""Xception (Chollet, 2017, arXiv:1610.02357) of any width, and the detector that is built on it."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import keras
import tensorflow as tf
from keras import layers

from .config import IMAGENET, RANDOM, Model
from .errors import WeightsError

IMAGENET_FILE = "xception_weights_tf_dim_ordering_tf_kernels_notop.h5"
IMAGENET_URL = f"https://storage.googleapis.com/tensorflow/keras-applications/xception/{IMAGENET_FILE}"


def build_detector(settings: Model) -> keras.Model:
    """The network that the settings describe, not yet compiled.

    float32[n, size, size, 3] in [-1, 1] → float32[n, 1]: P(fake). Scaling the pixels is left to the caller.

    Raises:
        WeightsError: the weights cannot be had, or do not fit.
    """
    with _compute_policy(compute_precision(settings)):
        inputs = keras.Input((settings.input_px, settings.input_px, 3), name="image")
        build = _full_xception if settings.is_full_xception else xception
        features = layers.Dropout(settings.dropout, name="dropout")(build(inputs, settings))
        outputs = layers.Dense(1, activation="sigmoid", dtype="float32", name="prob_fake")(features)
        return keras.Model(inputs, outputs, name="detector")


def xception(inputs: keras.KerasTensor, settings: Model) -> keras.KerasTensor:
    """Xception's features with every layer's channels multiplied by a width, to the next multiple of 8.

    [n, size, size, 3] → [n, 2048 × width]. At width 1 with 8 middle blocks it is layer for layer
    `keras.applications.Xception(include_top=False, pooling="avg")`.
    """
    net = _Layers(settings.width, settings.batch_norm_momentum)

    x = net.convolution(inputs, 32, strides=2)
    x = net.convolution(x, 64)
    for channels in (128, 256, 728):  # entry flow
        x = net.downsampling_block(x, (channels, channels))
    for _ in range(settings.middle_blocks):
        x = net.middle_block(x, 728)
    x = net.downsampling_block(x, (728, 1024))  # exit flow
    for channels in (1536, 2048):
        x = layers.Activation("relu")(net.separable(x, channels))
    return layers.GlobalAveragePooling2D()(x)


class _Layers:
    """The building blocks of one Xception, with its width and batch-norm momentum in hand."""

    def __init__(self, width: float, momentum: float) -> None:
        self._width = width
        self._momentum = momentum

    def convolution(self, x: keras.KerasTensor, channels: int, strides: int = 1) -> keras.KerasTensor:
        x = layers.Conv2D(self._scaled(channels), 3, strides=strides, use_bias=False)(x)
        return layers.Activation("relu")(self._normalised(x))

    def separable(self, x: keras.KerasTensor, channels: int) -> keras.KerasTensor:
        return self._normalised(layers.SeparableConv2D(self._scaled(channels), 3, padding="same", use_bias=False)(x))

    def downsampling_block(self, x: keras.KerasTensor, channels: tuple[int, int]) -> keras.KerasTensor:
        residual = layers.Conv2D(self._scaled(channels[1]), 1, strides=2, padding="same", use_bias=False)(x)
        residual = self._normalised(residual)
        x = self.separable(layers.Activation("relu")(x), channels[0])  # Keras's first block has none: it gets a ReLU's
        x = self.separable(layers.Activation("relu")(x), channels[1])
        return layers.add([layers.MaxPooling2D(3, strides=2, padding="same")(x), residual])

    def middle_block(self, x: keras.KerasTensor, channels: int) -> keras.KerasTensor:
        residual = x
        for _ in range(3):
            x = self.separable(layers.Activation("relu")(x), channels)
        return layers.add([x, residual])

    def _normalised(self, x: keras.KerasTensor) -> keras.KerasTensor:
        return layers.BatchNormalization(momentum=self._momentum)(x)

    def _scaled(self, channels: int) -> int:
        return max(8, 8 * round(channels * self._width / 8))  # in eights: others cost CPUs twice the time


def _full_xception(inputs: keras.KerasTensor, settings: Model) -> keras.KerasTensor:
    """Keras's own Xception and its weights."""
    weights = None if settings.weights == RANDOM else settings.weights
    try:
        body = keras.applications.Xception(include_top=False, pooling="avg", input_tensor=inputs, weights=weights)
    except Exception as error:  # Keras raises a bare Exception where a download fails
        raise _weights_error(settings.weights) from error
    return body.output


def _weights_error(weights: str) -> WeightsError:
    if weights == IMAGENET:
        folder = Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser() / "models"  # where Keras looks first
        return WeightsError(
            f"The ImageNet weights could not be downloaded. Fetch {IMAGENET_URL} where there is a network and put it "
            f"at {folder / IMAGENET_FILE}, or pass --weights FILE with its place, or --weights none to begin at random."
        )
    return WeightsError(
        f"{weights} does not hold weights of Keras's Xception without its top. "
        f"Pass --weights with a file like {IMAGENET_FILE}, or imagenet, or none."
    )


def compute_precision(settings: Model) -> str:
    """`off`, `bfloat16` or `float16`: float16 is off where there is no GPU, for CPUs crawl on it."""
    if settings.mixed_precision == "float16" and not tf.config.list_physical_devices("GPU"):
        return "off"
    return settings.mixed_precision


@contextlib.contextmanager
def _compute_policy(precision: str) -> Iterator[None]:
    """What is built inside computes in that precision; Keras scales the loss of a float16 model when it compiles it."""
    before = keras.config.dtype_policy()
    if precision != "off":
        keras.config.set_dtype_policy(f"mixed_{precision}")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
