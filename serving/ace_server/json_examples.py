"""The JSON bodies of Classify and Regress ⇄ tf.Examples and results, in TensorFlow Serving's words (json_tensor.cc)."""

import json
from collections.abc import Iterable
from typing import Any

import numpy as np
from tensorflow.core.example import example_pb2, feature_pb2
from tensorflow.core.framework import types_pb2
from tensorflow_serving.apis import classification_pb2, input_pb2, regression_pb2

from .errors import InvalidArgument
from .json_bodies import Document, malformed_refused
from .json_tensors import array_of, bytes_of, is_base64, kind_of, shown, texts_of


@malformed_refused()
def examples_input(document: Document) -> input_pb2.Input:
    """The tf.Examples of a Classify or Regress body, and the context where there is one.

    Raises:
        InvalidArgument: there are no examples, or one of them is none.
    """
    given = input_pb2.Input()
    kind = given.example_list
    if "context" in document:
        kind = given.example_list_with_context
        kind.context.CopyFrom(_example(document["context"]))
    if "examples" not in document:
        raise InvalidArgument(
            f"JSON Value: {shown(document)} When method is classify, key 'examples' is expected and was not found"
        )
    examples = document["examples"]
    if not isinstance(examples, list):
        raise InvalidArgument(f"JSON Value: {shown(document)} Expecting 'examples' value to be an list/array")
    if not examples:
        raise InvalidArgument(f"JSON Value: {shown(document)} 'examples' value is an empty array")
    kind.examples.extend(_example(example) for example in examples)
    return given


def _example(value: Any) -> example_pb2.Example:
    if not isinstance(value, dict):
        raise InvalidArgument(f"Example must be JSON object but got JSON {kind_of(value)}")
    example = example_pb2.Example()
    for name, content in value.items():
        feature = _feature(name, content if isinstance(content, list) else [content])
        example.features.feature[name].CopyFrom(feature)
    return example


def _feature(name: str, values: list[Any]) -> feature_pb2.Feature:
    feature = feature_pb2.Feature()
    if not values:
        return feature
    kind = _feature_kind(name, values[0])
    if any(_feature_kind(name, value) != kind for value in values):
        raise InvalidArgument(f"Unexpected element type in feature: {name} expecting type: {kind}")
    if kind == "bytes":
        feature.bytes_list.value.extend(bytes_of(value) for value in values)
    elif kind == "float":
        feature.float_list.value.extend(array_of(values, types_pb2.DT_FLOAT).tolist())
    elif all(-(2**63) <= value < 2**63 for value in values):
        feature.int64_list.value.extend(map(int, values))
    else:
        raise InvalidArgument(f"Feature: {name} has uint64 element. Only int64 is supported.")
    return feature


def _feature_kind(name: str, value: Any) -> str:
    if isinstance(value, (bool, int)):
        return "int64"
    if isinstance(value, float):
        return "float"
    if isinstance(value, str) or is_base64(value):
        return "bytes"
    raise InvalidArgument(f"Feature: {name} has element with unexpected JSON type: {kind_of(value)}")


def classification_body(result: classification_pb2.ClassificationResult) -> str:
    """For each example a list of [label, score]."""
    scores = iter(_number_texts(entry.score for classes in result.classifications for entry in classes.classes))
    examples = []
    for classes in result.classifications:
        pairs = [f"[{json.dumps(entry.label, ensure_ascii=False)}, {next(scores)}]" for entry in classes.classes]
        examples.append(f"[{', '.join(pairs)}]")
    return _results(examples)


def regression_body(result: regression_pb2.RegressionResult) -> str:
    """A number for each example."""
    return _results(_number_texts(regression.value for regression in result.regressions))


def _number_texts(values: Iterable[float]) -> list[str]:
    return texts_of("", np.array(list(values), dtype=np.float32), kept_axes=1)


def _results(texts: Iterable[str]) -> str:
    return f'{{"results": [{", ".join(texts)}]}}'
