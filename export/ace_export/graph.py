"""The detector as a SavedModel with the contract's signatures: decode, resize, scale, network and threshold."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from ace_client import contract

from .detector import Detector
from .folding import FoldedNetwork, fold
from .isolation import Isolated, in_place, isolate
from .settings import DEFAULT_MAX_PIXELS


@dataclass(frozen=True)
class ServingGraph:
    """What is served of a detector: its signatures, with threshold and temperature baked in."""

    detector: Detector
    xla: bool = False  # compile the network, for each batch size when it is first run
    max_pixels: int = DEFAULT_MAX_PIXELS  # larger images are refused before they are decoded

    def serving_default(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        """Verdicts on encoded images, or the reason why not: string[n] → float32[n], string[n], string[n]."""
        images, places, errors = self._read_images(image_bytes)
        prob_fake = in_place(self._prob_fake(images), places, missing=float("nan"))
        label = tf.where(errors == "", self._label(prob_fake), "")
        return {contract.PROB_FAKE: prob_fake, contract.LABEL: label, contract.ERROR: errors}

    def pixels(self, pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        """Verdicts on images already decoded: uint8[n, height, width, 3], RGB → float32[n], string[n]."""
        prob_fake = self._prob_fake(pixels)
        return {contract.PROB_FAKE: prob_fake, contract.LABEL: self._label(prob_fake)}

    def features(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        """What the network's last layer sees of encoded images: string[n] → float32[n, k], string[n]."""
        images, places, errors = self._read_images(image_bytes)
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
        image_bytes = tf.TensorSpec([None], tf.string, contract.IMAGE_BYTES)
        pixels = tf.TensorSpec([None, *self.detector.input_size, 3], tf.uint8, contract.PIXELS_INPUT)
        examples = tf.TensorSpec([None], tf.string, contract.EXAMPLES)
        signatures = {
            contract.SERVING_DEFAULT: _signature(self.serving_default, image_bytes),
            contract.PIXELS: _signature(self.pixels, pixels),
            contract.CLASSIFY: _signature(self.classify, examples),
            contract.REGRESS: _signature(self.regress, examples),
        }
        if self._folded.last_dense:
            signatures[contract.FEATURES] = _signature(self.features, image_bytes)
        module = tf.Module()
        module.weights = [weight for weight in self._folded.weights if isinstance(weight, tf.Variable)]
        tf.saved_model.save(module, str(folder), signatures=signatures)
        _name_methods(folder)

    @functools.cached_property
    def _folded(self) -> FoldedNetwork:
        return fold(self.detector.network, self.detector.scaling)

    @functools.cached_property
    def _network(self) -> Any:
        """One function for all signatures, so that its weights are in the file once."""
        pixels = tf.TensorSpec([None, *self.detector.input_size, 3], tf.uint8)
        return tf.function(self._folded, autograph=False, input_signature=[pixels], jit_compile=self.xla or None)

    @functools.cached_property
    def _read_images(self) -> Any:
        """string[n] → Isolated. One function for both signatures, as is the next: to build it takes a second."""
        return self._reader()

    @functools.cached_property
    def _read_examples(self) -> Any:
        return self._reader(unpack=_image_of)

    def _reader(self, **options: Any) -> Any:
        def read(encoded: tf.Tensor) -> Isolated:
            return isolate(encoded, self.detector.input_size, max_pixels=self.max_pixels, **options)

        return tf.function(read, autograph=False, input_signature=[tf.TensorSpec([None], tf.string)])

    def _prob_fake(self, pixels: tf.Tensor) -> tf.Tensor:
        """uint8[n, height, width, 3] → float32[n]."""
        outputs = self._network(pixels)
        return self.detector.head.prob_fake(outputs.answers, outputs.logits)

    def _prob_fake_of_examples(self, examples: tf.Tensor) -> tf.Tensor:
        """string[n] → float32[n], NaN where an example holds no image that can be read."""
        images, places, _ = self._read_examples(examples)
        return in_place(self._prob_fake(images), places, missing=float("nan"))

    def _label(self, prob_fake: tf.Tensor) -> tf.Tensor:
        with tf.device("/cpu:0"):  # strings have no GPU kernels
            return tf.where(prob_fake >= self.detector.threshold, contract.FAKE, contract.REAL)


def _signature(function: Callable[[tf.Tensor], dict[str, tf.Tensor]], fed: tf.TensorSpec) -> Any:
    return tf.function(function, autograph=False, input_signature=[fed])


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
