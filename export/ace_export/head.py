"""How P(fake) is read from what a binary classifier puts out: a sigmoid, a logit, two of a softmax, or two logits."""

from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf
from keras import layers

from ace_client import contract

from .errors import ModelError

UNITS = {"sigmoid": (1,), "softmax": (2,), "linear": (1, 2)}  # by the activation that the output leaves by
PASSING = (layers.Activation, layers.Dropout, layers.Flatten, layers.Identity, layers.Reshape)  # no value changes there
DEFAULT_CLASSES = (contract.REAL, contract.FAKE)


@dataclass(frozen=True)
class Head:
    """What the model's output means."""

    activation: str  # a key of UNITS
    classes: tuple[str, str] = DEFAULT_CLASSES  # what outputs 0 and 1 stand for; one unit is the probability of 1
    temperature: float = 1.0  # divides the logit

    def prob_fake(self, answers: tf.Tensor, logits: tf.Tensor | None) -> tf.Tensor:
        """P(fake) for the model's output and what its activation was fed with: float32[n, units], ... → float32[n]."""
        return tf.sigmoid(self.logit_fake(answers, logits) / self.temperature)

    def logit_fake(self, answers: tf.Tensor, logits: tf.Tensor | None) -> tf.Tensor:
        """The same as a logit that no temperature has divided: float32[n]."""
        logit = self._logit(tf.cast(answers, tf.float32), None if logits is None else tf.cast(logits, tf.float32))
        return logit if self.classes[1] == contract.FAKE else -logit

    def _logit(self, answers: tf.Tensor, logits: tf.Tensor | None) -> tf.Tensor:
        """Of class 1: float32[n]."""
        if logits is None and self.activation == "sigmoid":
            return tf.math.log(answers[:, 0]) - tf.math.log1p(-answers[:, 0])
        if logits is None:
            logits = tf.math.log(answers) if self.activation == "softmax" else answers
        return logits[:, 0] if logits.shape[1] == 1 else logits[:, 1] - logits[:, 0]


def output_activation(model: keras.Model) -> str:
    """By what the model's output leaves, a key of UNITS.

    Raises:
        ModelError: the output is not that of a binary classifier; the message begins with "its".
    """
    if len(model.outputs) != 1:
        raise ModelError(
            f"it has {len(model.outputs)} outputs, and one is exported: [n, 1] or [n, 2], probabilities or logits."
        )
    shape = tuple(model.outputs[0].shape)
    activation = _activation(model.outputs[0]._keras_history.operation)
    if len(shape) != 2 or shape[1] not in (1, 2):
        sizes = ", ".join("n" if size is None else str(size) for size in shape)
        raise ModelError(f"its output is [{sizes}], not [n, 1] or [n, 2]: one probability or logit, or one a class.")
    if activation not in UNITS or shape[1] not in UNITS[activation]:
        raise ModelError(
            f"its output is {shape[1]} of {activation}. What is exported is one sigmoid, two of a softmax, "
            "or one or two logits without an activation."
        )
    return activation


def _activation(operation: Any) -> str:
    """The name of the function that the output of an operation leaves by; models may be nested."""
    if isinstance(operation, keras.Model):
        return _activation(operation.outputs[0]._keras_history.operation)
    if isinstance(operation, layers.Dense | layers.Activation):
        name = getattr(operation.activation, "__name__", "an unknown activation")
    else:
        kind = type(operation).__name__
        name = kind.lower() if kind in ("Sigmoid", "Softmax") else kind  # layers and operations of this name
    if isinstance(operation, PASSING) and name in ("linear", type(operation).__name__):
        return _activation(operation.input._keras_history.operation)
    return name
