"""Xception (Chollet, 2017, arXiv:1610.02357) of any width, and the detector that is built on it."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import keras
import tensorflow as tf
from keras import layers

from .errors import WeightsError
from .presets import IMAGENET, RANDOM, Preset

IMAGENET_FILE = "xception_weights_tf_dim_ordering_tf_kernels_notop.h5"
IMAGENET_URL = f"https://storage.googleapis.com/tensorflow/keras-applications/xception/{IMAGENET_FILE}"


def build_detector(preset: Preset) -> keras.Model:
    """The network that the preset describes, not yet compiled.

    float32[n, size, size, 3] in [-1, 1] → float32[n, 1]: P(fake). Scaling the pixels is left to the caller.

    Raises:
        WeightsError: the preset's weights cannot be had, or do not fit.
    """
    with _compute_policy(preset):
        inputs = keras.Input((preset.input_size, preset.input_size, 3), name="image")
        features = _full_xception(inputs, preset.weights) if preset.is_full_xception else xception(inputs, preset)
        features = layers.Dropout(preset.dropout)(features)
        outputs = layers.Dense(1, activation="sigmoid", dtype="float32", name="prob_fake")(features)
        return keras.Model(inputs, outputs, name="detector")


def xception(inputs: keras.KerasTensor, preset: Preset) -> keras.KerasTensor:
    """Xception's features with every layer's channels multiplied by the preset's width, to the next multiple of 8.

    [n, size, size, 3] → [n, 2048 × width]. At width 1 with 8 middle blocks it is layer for layer
    `keras.applications.Xception(include_top=False, pooling="avg")`.
    """
    net = _Layers(preset.width, preset.batch_norm_momentum)

    x = net.convolution(inputs, 32, strides=2)
    x = net.convolution(x, 64)
    for channels in (128, 256, 728):  # entry flow
        x = net.downsampling_block(x, (channels, channels))
    for _ in range(preset.middle_blocks):
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


def _full_xception(inputs: keras.KerasTensor, weights: str) -> keras.KerasTensor:
    """Keras's own Xception and its weights."""
    try:
        body = keras.applications.Xception(
            include_top=False, pooling="avg", input_tensor=inputs, weights=None if weights == RANDOM else weights
        )
    except Exception as error:  # Keras raises a bare Exception where a download fails
        raise _weights_error(weights) from error
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


@contextlib.contextmanager
def _compute_policy(preset: Preset) -> Iterator[None]:
    """What is built inside computes in float16 where that is fast: the full network on a GPU. CPUs crawl on it."""
    before = keras.config.dtype_policy()
    if preset.is_full_xception and tf.config.list_physical_devices("GPU"):
        keras.config.set_dtype_policy("mixed_float16")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
