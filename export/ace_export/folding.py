"""The network as it is served: the trained layers, with everything folded that inference holds constant.

Keras runs a batch norm as a multiplication and an addition over the whole feature map. In inference both are
constants, and belong into the weights of the layer before; so does the scaling of the input, into the first layer,
and whatever the model itself scales its input by.
What is left is a convolution, a bias and an activation, which oneDNN runs as one kernel once the weights are constants.

Layers whose policy is half precision compute so here, too, and their kernels are stored so.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from numpy.typing import NDArray

from .pixels import Scaling

MAX_CONSTANTS_BYTES = 1 << 30  # a graph is one protobuf message, which ends at 2 GiB

KERNELS = {  # the layers that a factor for each output channel passes through, and the weight that takes it over
    layers.Conv2D: "kernel",
    layers.Dense: "kernel",
    layers.DepthwiseConv2D: "kernel",
    layers.SeparableConv2D: "pointwise_kernel",
}

HALF_PRECISIONS = ("bfloat16", "float16")

Array = NDArray[Any]
Operation = Callable[..., Any]


class Outputs(NamedTuple):
    """What the network says of n images."""

    answers: tf.Tensor  # float32[n, units]: the model's output
    logits: (
        tf.Tensor | None
    )  # float32[n, units]: what the last sigmoid or softmax is fed with, or a dense layer puts out
    features: tf.Tensor | None  # float32[n, k]: what its last dense layer sees; None where it has none


@dataclass(frozen=True, eq=False)
class FoldedNetwork:
    """uint8[n, size, size, 3] → the model's output, and features. The model itself stays as it was."""

    model: keras.Model
    scaling: Scaling | None  # None where the first layer has taken it over
    weights: list[Array | tf.Variable]  # in place of the model's, in their order; variables where they are too large
    biases: dict[int, Array]  # added to what a layer without a bias puts out, by the layer's id
    skipped: set[int]  # ids of the layers that are folded into others
    last_dense: Any  # the layer; None where there is none
    linear: bool  # the model's output is that of a dense layer without an activation

    def __call__(self, pixels: tf.Tensor) -> Outputs:
        """The model's output for images decoded and resized, RGB."""
        seen: list[tf.Tensor] = []

        def served(layer: Operation) -> Operation:
            operation = self._served(layer)

            def watched(features: tf.Tensor) -> tf.Tensor:
                seen.append(features)
                return operation(features)

            return watched if layer is self.last_dense else operation

        image = self.scaling(pixels) if self.scaling else tf.cast(pixels, tf.float32)
        weights = [tf.convert_to_tensor(weight) for weight in self.weights]
        with keras.StatelessScope(state_mapping=list(zip(self.model.variables, weights, strict=True))):
            answers = _run(self.model, image, served)
        features = seen[0] if seen else None
        logits = answers if self.linear else getattr(answers, "_keras_logits", None)  # which Keras keeps for losses
        return Outputs(
            *(value if value is None else tf.cast(value, tf.float32) for value in (answers, logits, features))
        )

    def _served(self, layer: Operation) -> Operation:
        if id(layer) in self.skipped:
            return lambda image, **_: image
        if id(layer) in self.biases:
            return lambda image: _plus(layer(image), self.biases[id(layer)])
        return layer


def fold(model: keras.Model, scaling: Scaling) -> FoldedNetwork:
    """The scaling and then the model, with it and the batch norms folded into their neighbours where that is exact."""
    folding = _Folding(_trace(model))
    for call in folding.trace.calls:
        if type(call.layer) is layers.BatchNormalization:
            folding.fold_batch_norm(call)
    image, scaling = folding.fold_rescalings(scaling)
    scaled = folding.fold_scaling(image, scaling)
    halved = folding.trace.half_kernels()
    weights = [
        folding.weights.get(id(variable), variable.numpy()).astype(halved.get(id(variable), variable.dtype))
        for variable in model.variables
    ]
    if sum(weight.nbytes for weight in weights) > MAX_CONSTANTS_BYTES:
        weights = [tf.Variable(weight, trainable=False) for weight in weights]
    return FoldedNetwork(
        model,
        None if scaled else scaling,
        weights,
        folding.biases,
        folding.skipped,
        folding.trace.last_dense(),
        folding.trace.ends_linearly(),
    )


@dataclass(frozen=True)
class _Call:
    """One run of one layer."""

    layer: Any  # keras.Operation
    inputs: list[tf.Tensor]
    output: Any
    in_training: bool  # asked for by the model itself, as in Monte Carlo dropout


@dataclass(frozen=True)
class _Trace:
    """Every run of a layer from the input to the output, nested models taken apart."""

    image: tf.Tensor
    calls: list[_Call]
    output: Any

    def last_dense(self) -> Any:
        """The last dense layer that sees one vector an image; None where there is none."""
        dense = [call for call in self.calls if type(call.layer) is layers.Dense and len(call.inputs[0].shape) == 2]
        return dense[-1].layer if dense and self.only_caller(dense[-1].layer) else None

    def half_kernels(self) -> dict[int, Any]:
        """The kernels that are cast to half precision before they are used, by id: what to."""
        return {
            id(getattr(call.layer, KERNELS[type(call.layer)])): tf.as_dtype(call.layer.compute_dtype).as_numpy_dtype
            for call in self.calls
            if type(call.layer) in KERNELS and call.layer.compute_dtype in HALF_PRECISIONS
        }

    def ends_linearly(self) -> bool:
        """Whether the model's output is that of a dense layer without an activation."""
        return any(
            call.output is self.output and type(call.layer) is layers.Dense and _linear(call.layer)
            for call in self.calls
        )

    def only_caller(self, layer: Any) -> bool:
        return sum(call.layer is layer for call in self.calls) == 1

    def only_use(self, tensor: tf.Tensor) -> _Call | None:
        """The run that alone is fed with the tensor; None where others are too, or where it is an output."""
        uses = [call for call in self.calls for value in call.inputs if value is tensor]
        is_output = any(value is tensor for value in keras.tree.flatten(self.output))
        return uses[0] if len(uses) == 1 and not is_output else None

    def source(self, call: _Call) -> Any:
        """The layer whose output the run is fed with and nobody else; None where there is none, or it runs twice."""
        for before in self.calls:
            if before.output is call.inputs[0] and self.only_use(before.output) is call:
                return before.layer if self.only_caller(before.layer) else None
        return None


@dataclass(frozen=True)
class _Folding:
    """What has been folded so far."""

    trace: _Trace
    weights: dict[int, Array] = field(default_factory=dict)  # by the id of the variable that they stand for
    biases: dict[int, Array] = field(default_factory=dict)
    skipped: set[int] = field(default_factory=set)

    def fold_batch_norm(self, call: _Call) -> None:
        """(W·x + b) · factor + shift is (W · factor)·x + (b · factor + shift)."""
        norm, layer = call.layer, self.trace.source(call)
        if call.in_training or not self.trace.only_caller(norm) or not _takes_factors(layer, norm):
            return
        factor = 1 / np.sqrt(_float64(norm.moving_variance) + norm.epsilon)
        if norm.scale:
            factor = factor * _float64(norm.gamma)
        shift = (_float64(norm.beta) if norm.center else 0) - _float64(norm.moving_mean) * factor
        kernel = getattr(layer, KERNELS[type(layer)])
        shape = kernel.shape[-2:] if type(layer) is layers.DepthwiseConv2D else (-1,)
        self._replace(kernel, _float64(kernel) * factor.reshape(shape))
        self._add_bias(layer, factor, shift)
        self.skipped.add(id(norm))

    def fold_rescalings(self, scaling: Scaling) -> tuple[tf.Tensor, Scaling]:
        """What the model's own scaling layers make of the image, and the scaling that does it in one step."""
        image = self.trace.image
        call = self.trace.only_use(image)
        while call and self.trace.only_caller(call.layer) and (own := _scaling_of(call.layer)):
            factors, offsets = own[0] * scaling.factors, own[0] * scaling.offsets + own[1]
            scaling = Scaling(tuple(factors.tolist()), tuple(offsets.tolist()))
            self.skipped.add(id(call.layer))
            image = call.output
            call = self.trace.only_use(image)
        return image, scaling

    def fold_scaling(self, image: tf.Tensor, scaling: Scaling) -> bool:
        """Whether the first layer has taken the scaling over, which one that pads with zeros cannot."""
        call = self.trace.only_use(image)
        layer: Any = call.layer if call else None
        if type(layer) is not layers.Conv2D or layer.padding != "valid" or layer.data_format != "channels_last":
            return False
        if layer.groups != 1 or not _plain(layer.kernel) or not self.trace.only_caller(layer):
            return False
        if not layer.use_bias and not _linear(layer):  # then there is no place for a bias
            return False
        kernel = _float64(self.weights.get(id(layer.kernel), layer.kernel))  # [height, width, 3, filters]
        self._replace(layer.kernel, kernel * np.reshape(scaling.factors, (3, 1)))
        self._add_bias(layer, 1, np.tensordot(kernel.sum((0, 1)), scaling.offsets, (0, 0)))
        return True

    def _add_bias(self, layer: Any, factor: Array | float, shift: Array) -> None:
        if layer.use_bias:
            self._replace(layer.bias, _float64(self.weights.get(id(layer.bias), layer.bias)) * factor + shift)
        else:
            bias = self.biases.get(id(layer), np.zeros(shift.shape, np.float32)) * factor + shift
            self.biases[id(layer)] = bias.astype(np.float32)

    def _replace(self, variable: keras.Variable, value: Array) -> None:
        self.weights[id(variable)] = value.astype(np.float32)


def _scaling_of(layer: Any) -> tuple[Array, Array] | None:
    """The factors and offsets by which a layer scales the three channels; None where it does anything else."""
    if type(layer) is layers.Rescaling:
        parts = [_float64(layer.scale), _float64(layer.offset)]
    elif type(layer) is layers.Normalization and not layer.invert:
        deviation = np.maximum(np.sqrt(_float64(layer.variance)), keras.config.epsilon())
        parts = [1 / deviation, -_float64(layer.mean) / deviation]
    else:
        return None
    if any(part.size != 1 and not part.size == part.shape[-1] == 3 for part in parts):
        return None
    factors, offsets = (np.broadcast_to(part.ravel(), 3) for part in parts)
    return factors, offsets


def _takes_factors(layer: Any, norm: layers.BatchNormalization) -> bool:
    """Whether the layer is linear, and its channels are those that the batch norm scales."""
    if type(layer) not in KERNELS or not _linear(layer) or not _plain(getattr(layer, KERNELS[type(layer)])):
        return False
    channels_last = getattr(layer, "data_format", "channels_last") == "channels_last"
    return channels_last and norm.axis in (-1, len(layer.output.shape) - 1)


def _linear(layer: Any) -> bool:
    return layer.activation in (None, keras.activations.linear)


def _plain(kernel: Any) -> bool:
    """Whether the kernel is a weight as trained, and not quantized or made of several."""
    return isinstance(kernel, keras.Variable) and kernel.dtype == "float32"


def _plus(image: tf.Tensor, bias: Array) -> tf.Tensor:
    return tf.nn.bias_add(image, bias.astype(image.dtype.as_numpy_dtype))


def _float64(value: Any) -> Array:
    return np.asarray(value, np.float64)


def _trace(model: keras.Model) -> _Trace:
    calls: list[_Call] = []
    ends: list[Any] = []

    def recorded(layer: Operation) -> Operation:
        def call(*args: Any, **kwargs: Any) -> Any:
            output = layer(*args, **kwargs)
            inputs = [value for value in keras.tree.flatten((args, kwargs)) if tf.is_tensor(value)]
            if not any(value is output for value in inputs):  # else it does nothing in inference, as a dropout
                calls.append(_Call(layer, inputs, output, bool(kwargs.get("training"))))
            return output

        return call

    def run(image: tf.Tensor) -> None:
        ends.extend((image, _run(model, image, recorded)))

    tf.function(run, autograph=False).get_concrete_function(tf.TensorSpec(model.inputs[0].shape, tf.float32))
    return _Trace(ends[0], calls, ends[1])


def _run(model: keras.Model, inputs: Any, replace: Callable[[Operation], Operation]) -> Any:
    """The model's output, each of its layers replaced by what `replace` has for it; nested models are taken apart."""
    functional = model._functional if isinstance(model, keras.Sequential) else model

    def operation(layer: Operation) -> Operation:
        if isinstance(layer, keras.Model):
            return lambda nested, **_: _run(layer, nested, replace)
        return replace(layer)

    return functional._run_through_graph(inputs, operation_fn=operation)  # as keras.models.clone_model runs it
