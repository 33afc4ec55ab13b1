"""Classify and Regress: tf.Examples held against a signature, and results made of what came out.

The checks and their words are those of TensorFlow Serving's classifier.cc, regressor.cc and multi_inference.cc.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from google.protobuf import text_format
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import classification_pb2, inference_pb2, input_pb2, regression_pb2

from .errors import InvalidArgument, Unimplemented
from .predict import DEFAULT_SIGNATURE
from .tensors import DTYPES, Array

CLASSIFY = "tensorflow/serving/classify"
REGRESS = "tensorflow/serving/regress"
_INPUTS, _OUTPUTS, _CLASSES, _SCORES = "inputs", "outputs", "classes", "scores"

Signatures = Mapping[str, meta_graph_pb2.SignatureDef]


@dataclass(frozen=True)
class BoundExamples:
    """Examples and the signature that they are for: what to feed to the graph and what to fetch from it."""

    signature_name: str
    feeds: Mapping[str, Array]  # one tensor, string[n]: serialized tf.Examples
    fetches: Mapping[str, str]  # output alias → name of the graph's tensor

    @property
    def examples(self) -> int:
        """How many there are."""
        return len(next(iter(self.feeds.values())))


def bind(task: inference_pb2.InferenceTask, given: input_pb2.Input, signatures: Signatures) -> BoundExamples:
    """The examples in the terms of the graph; the task's method is CLASSIFY or REGRESS.

    Raises:
        InvalidArgument: no such signature, the signature is not for this method, or there are no examples.
    """
    name = task.model_spec.signature_name or DEFAULT_SIGNATURE
    if name not in signatures:
        raise InvalidArgument(f"No signature was found with the name: {name}")
    signature = signatures[name]
    outputs = _classification_outputs if task.method_name == CLASSIFY else _regression_outputs
    fetches = {alias: signature.outputs[alias].name for alias in outputs(signature)}
    return BoundExamples(name, {signature.inputs[_INPUTS].name: _serialized(given)}, fetches)


def check_tasks(tasks: Sequence[inference_pb2.InferenceTask]) -> None:
    """Hold the tasks of one MultiInference request against each other.

    Raises:
        InvalidArgument: they are not of one model, or one signature is asked twice.
        Unimplemented: a task asks neither for CLASSIFY nor for REGRESS.
    """
    asked: set[str] = set()
    for task in tasks:
        if not task.model_spec.name:
            raise InvalidArgument("Found ModelSpec with an empty model name.")
        if task.model_spec.name != tasks[0].model_spec.name:
            raise InvalidArgument("All ModelSpecs in a MultiInferenceRequest must access the same model name.")
        name = task.model_spec.signature_name or DEFAULT_SIGNATURE
        if name in asked:
            raise InvalidArgument(f"Duplicate evaluation of signature: {name}")
        asked.add(name)
        if task.method_name not in (CLASSIFY, REGRESS):
            raise Unimplemented(f"Unsupported signature method_name: {task.method_name}")


def _classification_outputs(signature: meta_graph_pb2.SignatureDef) -> list[str]:
    if len(signature.inputs) != 1:
        raise InvalidArgument("Expected one input Tensor.")
    if len(signature.outputs) not in (1, 2):
        raise InvalidArgument(f"Expected one or two output Tensors, found {len(signature.outputs)}")
    if _INPUTS not in signature.inputs:
        raise InvalidArgument(f"No classification inputs found in SignatureDef: {_shown(signature)}")
    outputs = [alias for alias in (_CLASSES, _SCORES) if alias in signature.outputs]
    if not outputs:
        raise InvalidArgument(
            'Expected classification signature outputs to contain at least one of "classes" or "scores". '
            f"Signature was: {_shown(signature)}"
        )
    return outputs


def _regression_outputs(signature: meta_graph_pb2.SignatureDef) -> list[str]:
    if len(signature.inputs) != 1:
        raise InvalidArgument("Expected one input Tensor.")
    if len(signature.outputs) != 1:
        raise InvalidArgument("Expected one output Tensor.")
    if _INPUTS not in signature.inputs:
        raise InvalidArgument(f"No regression inputs found in SignatureDef: {_shown(signature)}")
    if _OUTPUTS not in signature.outputs:
        raise InvalidArgument(f"No regression outputs found in SignatureDef: {_shown(signature)}")
    return [_OUTPUTS]


def _shown(signature: meta_graph_pb2.SignatureDef) -> str:
    return text_format.MessageToString(signature)


def _serialized(examples: input_pb2.Input) -> Array:
    """The examples as the graph parses them; a context goes before each, so that the example's own features win."""
    if examples.WhichOneof("kind") == "example_list":
        serialized = [example.SerializeToString() for example in examples.example_list.examples]
    else:
        context = examples.example_list_with_context.context.SerializeToString()
        serialized = [context + example.SerializeToString() for example in examples.example_list_with_context.examples]
    if not serialized:
        raise InvalidArgument("Input is empty.")
    return np.array(serialized, dtype=object)


def classifications(bound: BoundExamples, values: Sequence[Array]) -> classification_pb2.ClassificationResult:
    """Labels and scores of each example, whichever of them the signature has.

    Raises:
        InvalidArgument: the outputs are not string[examples, classes] in UTF-8, and float32[examples, classes].
    """
    outputs = dict(zip(bound.fetches, values, strict=True))
    for alias, value in outputs.items():
        _check_classification(alias, value, bound.examples)
    counts = [value.shape[1] for value in outputs.values()]
    if len(set(counts)) > 1:
        raise InvalidArgument(
            "Tensors class and score should match in dim_size(1). "
            f"Got {outputs[_CLASSES].shape[1]} vs. {outputs[_SCORES].shape[1]}"
        )
    count = counts[0]
    labels, scores = outputs.get(_CLASSES), outputs.get(_SCORES)
    result = classification_pb2.ClassificationResult()
    for row in range(bound.examples):
        classes = result.classifications.add()
        for column in range(count):
            entry = classes.classes.add()
            if labels is not None:
                entry.label = _label(labels[row, column])
            if scores is not None:
                entry.score = scores[row, column]
    return result


def _check_classification(alias: str, value: Array, examples: int) -> None:
    wanted = types_pb2.DT_STRING if alias == _CLASSES else types_pb2.DT_FLOAT
    if value.ndim != 2:
        raise InvalidArgument(f"Expected Tensor shape: [batch_size num_classes] but got {_shape(value)}")
    if DTYPES[value.dtype] != wanted:
        raise InvalidArgument(f"Expected {alias} Tensor of {_spelt(wanted)}. Got: {_spelt(DTYPES[value.dtype])}")
    if len(value) != examples:
        raise InvalidArgument(f"Expected {alias} output batch size of {examples}. Got: {len(value)}")


def _label(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise InvalidArgument(f"Expected classes in UTF-8, as a label is text. Got: {text[:100]!r}") from error


def regressions(bound: BoundExamples, values: Sequence[Array]) -> regression_pb2.RegressionResult:
    """One value for each example.

    Raises:
        InvalidArgument: the output is neither float32[examples] nor float32[examples, 1].
    """
    [output] = values
    if output.ndim != 1 and output.shape[1:] != (1,):
        raise InvalidArgument(
            f"Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got {_shape(output)}"
        )
    if len(output) != bound.examples:
        raise InvalidArgument(f"Input batch size did not match output batch size: {bound.examples} vs. {len(output)}")
    if DTYPES[output.dtype] != types_pb2.DT_FLOAT:
        raise InvalidArgument(f"Expected output Tensor of DT_FLOAT.  Got: {_spelt(DTYPES[output.dtype])}")
    result = regression_pb2.RegressionResult()
    for value in output.reshape(-1).tolist():
        result.regressions.add(value=value)
    return result


def _spelt(dtype: int) -> str:
    return str(types_pb2.DataType.Name(dtype))


def _shape(array: Array) -> str:
    return f"[{','.join(map(str, array.shape))}]"
