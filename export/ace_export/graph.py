"""The detector as a SavedModel with the contract's signatures: decode, resize, scale, network and threshold."""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

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
        images, places, errors = isolate(image_bytes, (self.detector.input_size,) * 2)
        prob_fake = in_place(self._prob_fake(images), places, missing=float("nan"))
        label = tf.where(errors == "", self._label(prob_fake), "")
        return {contract.PROB_FAKE: prob_fake, contract.LABEL: label, contract.ERROR: errors}

    def pixels(self, pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        """Verdicts on images already decoded: uint8[n, size, size, 3], RGB → float32[n], string[n]."""
        prob_fake = self._prob_fake(pixels)
        return {contract.PROB_FAKE: prob_fake, contract.LABEL: self._label(prob_fake)}

    def features(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        """What the network's last layer sees of encoded images: string[n] → float32[n, k], string[n]."""
        images, places, errors = isolate(image_bytes, (self.detector.input_size,) * 2)
        features = in_place(self._network(images).features, places, missing=float("nan"))
        return {contract.FEATURE_VECTORS: features, contract.ERROR: errors}

    def classify(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """The probability of each label, for TensorFlow Serving's Classify: string[n] → string[n, 2], float32[n, 2]."""
        prob_fake = self._prob_fake_of_examples(examples)
        with tf.device("/cpu:0"):  # strings have no GPU kernels
            classes = tf.tile([[contract.REAL, contract.FAKE]], [tf.shape(prob_fake)[0], 1])
        return {contract.CLASSES: classes, contract.SCORES: tf.stack([1 - prob_fake, prob_fake], axis=1)}

    def regress(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """The probability of a fake, for TensorFlow Serving's Regress: string[n] → float32[n]."""
        return {contract.VALUES: self._prob_fake_of_examples(examples)}

    def save(self, folder: Path) -> None:
        """Writes the SavedModel, which holds the network's weights and nothing else of Keras's."""
        size = self.detector.input_size
        image_bytes = tf.TensorSpec([None], tf.string, contract.IMAGE_BYTES)
        pixels = tf.TensorSpec([None, size, size, 3], tf.uint8, contract.PIXELS_INPUT)
        examples = tf.TensorSpec([None], tf.string, contract.EXAMPLES)
        signatures = {
            contract.SERVING_DEFAULT: tf.function(self.serving_default, input_signature=[image_bytes]),
            contract.PIXELS: tf.function(self.pixels, input_signature=[pixels]),
            contract.CLASSIFY: tf.function(self.classify, input_signature=[examples]),
            contract.REGRESS: tf.function(self.regress, input_signature=[examples]),
        }
        if self._folded.last_dense:
            signatures[contract.FEATURES] = tf.function(self.features, input_signature=[image_bytes])
        module = tf.Module()
        module.weights = [weight for weight in self._folded.weights if isinstance(weight, tf.Variable)]
        tf.saved_model.save(module, str(folder), signatures=signatures)
        _name_methods(folder)

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
        return self._network(pixels).answers[:, 0]

    def _prob_fake_of_examples(self, examples: tf.Tensor) -> tf.Tensor:
        """string[n] → float32[n], NaN where an example holds no image that can be read."""
        images, places, _ = isolate(examples, (self.detector.input_size,) * 2, unpack=_image_of)
        return in_place(self._prob_fake(images), places, missing=float("nan"))

    def _label(self, prob_fake: tf.Tensor) -> tf.Tensor:
        with tf.device("/cpu:0"):  # strings have no GPU kernels
            return tf.where(prob_fake >= self.threshold, contract.FAKE, contract.REAL)


def _image_of(example: tf.Tensor) -> tf.Tensor:
    """The encoded image in a serialized tf.Example: string[] → string[]."""
    features = {contract.IMAGE_ENCODED: tf.io.FixedLenFeature([], tf.string)}
    return tf.io.parse_single_example(example, features)[contract.IMAGE_ENCODED]


def _name_methods(folder: Path) -> None:
    """Names the methods of the signatures that are not for Predict, for which TensorFlow has no argument."""
    path = folder / "saved_model.pb"
    model = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    for signature, method in contract.METHODS.items():
        model.meta_graphs[0].signature_def[signature].method_name = method
    path.write_bytes(model.SerializeToString(deterministic=True))
    (folder / "fingerprint.pb").unlink(missing_ok=True)  # it was that of the file before
