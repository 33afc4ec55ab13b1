"""The detector as a SavedModel with the contract's signatures: decode, resize, scale, network and threshold."""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf

from ace_client import contract

from .detector import Detector
from .folding import FoldedNetwork, fold
from .isolation import in_place, isolate
from .pixels import XCEPTION


@dataclass(frozen=True)
class ServingGraph:
    """What is served of a detector: its signatures, with the threshold baked into the labels."""

    detector: Detector
    threshold: float  # at or above it an image is labelled fake

    def serving_default(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        """Verdicts on encoded images, or the reason why not: string[n] → float32[n], string[n], string[n]."""
        images, places, errors = isolate(image_bytes, self.detector.input_size)
        prob_fake = in_place(self._prob_fake(images), places, missing=float("nan"))
        label = tf.where(errors == "", self._label(prob_fake), "")
        return {contract.PROB_FAKE: prob_fake, contract.LABEL: label, contract.ERROR: errors}

    def pixels(self, pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        """Verdicts on images already decoded: uint8[n, size, size, 3], RGB → float32[n], string[n]."""
        prob_fake = self._prob_fake(pixels)
        return {contract.PROB_FAKE: prob_fake, contract.LABEL: self._label(prob_fake)}

    def save(self, folder: Path) -> None:
        """Writes the SavedModel, which holds the network's weights and nothing else of Keras's."""
        size = self.detector.input_size
        image_bytes = tf.TensorSpec([None], tf.string, contract.IMAGE_BYTES)
        pixels = tf.TensorSpec([None, size, size, 3], tf.uint8, contract.PIXELS_INPUT)
        signatures = {
            contract.SERVING_DEFAULT: tf.function(self.serving_default, input_signature=[image_bytes]),
            contract.PIXELS: tf.function(self.pixels, input_signature=[pixels]),
        }
        module = tf.Module()
        module.weights = [weight for weight in self._folded.weights if isinstance(weight, tf.Variable)]
        tf.saved_model.save(module, str(folder), signatures=signatures)

    @functools.cached_property
    def _folded(self) -> FoldedNetwork:
        return fold(self.detector.network, XCEPTION)

    @functools.cached_property
    def _network(self) -> Any:
        """One function for all signatures, so that its weights are in the file once."""
        size = self.detector.input_size
        return tf.function(self._folded, input_signature=[tf.TensorSpec([None, size, size, 3], tf.uint8)])

    def _prob_fake(self, pixels: tf.Tensor) -> tf.Tensor:
        """uint8[n, size, size, 3] → float32[n]."""
        return self._network(pixels)[:, 0]

    def _label(self, prob_fake: tf.Tensor) -> tf.Tensor:
        with tf.device("/cpu:0"):  # strings have no GPU kernels
            return tf.where(prob_fake >= self.threshold, contract.FAKE, contract.REAL)
