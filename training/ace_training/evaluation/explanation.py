"""Where in an image a network saw what it answers by: Grad-CAM (Selvaraju et al., 2017, arXiv:1610.02391)."""

from collections.abc import Sequence

import cv2
import keras
import numpy as np
import tensorflow as tf

from ace_export.detector import Detector
from ace_training.camera import Frame

from .scored import Floats

_OPACITY = 0.45


def overlays(detector: Detector, pixels: tf.Tensor, called_fake: Sequence[bool]) -> list[Frame] | None:
    """Each image, as the network sees it, reddest where it spoke most for the answer that was given: uint8, BGR.

    `pixels` are uint8[n, height, width, 3], RGB. None where no feature map of the network can be reached, as where it
    is wrapped in another model.
    """
    features = _last_map(detector.reference)
    if features is None:
        return None
    network = keras.Model(detector.reference.inputs, [features, detector.reference.outputs[0]])
    heat = _heat(detector, network, pixels, np.where(called_fake, 1.0, -1.0))
    return [_overlay(image, warmth) for image, warmth in zip(pixels.numpy(), heat, strict=True)]


def _last_map(network: keras.Model) -> keras.KerasTensor | None:
    """What the last operation puts out that still has a height and a width of several places."""
    functional = network._functional if isinstance(network, keras.Sequential) else network
    for operation in reversed(functional.operations):
        output = getattr(operation, "output", None)
        shape = list(getattr(output, "shape", ()))
        if len(shape) == 4 and None not in shape[1:3] and min(shape[1:3]) > 1:
            return None if isinstance(operation, keras.layers.InputLayer) else output
    return None


def _heat(detector: Detector, network: keras.Model, pixels: tf.Tensor, signs: Floats) -> Floats:
    """[n, height, width] of the map, in [0, 1]: what raises an image's logit of P(fake), or lowers it (-1)."""
    with tf.GradientTape() as tape:
        features, outputs = network(detector.scaling(pixels), training=False)
        logits = detector.head.logit_fake(outputs, getattr(outputs, "_keras_logits", None))
        spoken_for = tf.reduce_sum(logits * tf.constant(signs, tf.float32))
    weights = tf.reduce_mean(tape.gradient(spoken_for, features), axis=(1, 2), keepdims=True)
    heat = tf.nn.relu(tf.reduce_sum(weights * features, axis=-1)).numpy()
    return np.asarray(heat / np.maximum(heat.max((1, 2), keepdims=True), 1e-12), np.float64)


def _overlay(pixels: Frame, heat: Floats) -> Frame:
    wide = cv2.resize(heat.astype(np.float32), pixels.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    colours = cv2.applyColorMap(np.uint8(np.clip(wide, 0, 1) * 255), cv2.COLORMAP_TURBO)
    laid: Frame = cv2.addWeighted(pixels[..., ::-1], 1 - _OPACITY, colours, _OPACITY, 0)
    return laid
