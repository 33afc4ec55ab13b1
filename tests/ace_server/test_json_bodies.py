"""Predict bodies: rows and columns, and TensorFlow Serving's words for what does not fit."""

import json

import numpy as np
import pytest
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import meta_graph_pb2

from ace_server.errors import InvalidArgument
from ace_server.json_bodies import parse, predict_body, predict_inputs
from ace_server.tensors import to_array, to_proto

ONE = {"x": meta_graph_pb2.TensorInfo(dtype=types_pb2.DT_FLOAT)}
TWO = {**ONE, "name": meta_graph_pb2.TensorInfo(dtype=types_pb2.DT_STRING)}
DEEP = b'{"instances": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"


def read(body, infos):
    tensors, as_rows = predict_inputs(parse(body.encode() if isinstance(body, str) else body), infos)
    return {name: to_array(tensor).tolist() for name, tensor in tensors.items()}, as_rows


@pytest.mark.parametrize(
    ("body", "infos", "expected"),
    [
        ('{"instances": [1, 2.5]}', ONE, ({"x": [1, 2.5]}, True)),
        ('{"instances": [[1], [2]]}', ONE, ({"x": [[1], [2]]}, True)),
        ('{"instances": [{"x": 1}, {"x": 2}]}', ONE, ({"x": [1, 2]}, True)),
        ('{"instances": [{"x": 1, "name": "a"}]}', TWO, ({"x": [1], "name": [b"a"]}, True)),
        ('{"inputs": [1, 2.5]}', ONE, ({"x": [1, 2.5]}, False)),
        ('{"inputs": 7}', ONE, ({"x": 7}, False)),
        ('{"inputs": {"x": [1], "name": [], "more": 1}}', TWO, ({"x": [1], "name": []}, False)),
        ('{"inputs": {"b64": "YQ=="}}', {"name": TWO["name"]}, ({"name": b"a"}, False)),
        ('{"instances": [{"b64": "YQ=="}, "b"]}', {"name": TWO["name"]}, ({"name": [b"a", b"b"]}, True)),
        ('\ufeff{"inputs": [-Infinity]}', ONE, ({"x": [-np.inf]}, False)),
    ],
)
def test_reads_rows_and_columns(body, infos, expected):
    assert read(body, infos) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('{"instances": [1, 2]}', {"x": [1, 2]}),
        ('{"instances": [{"x": 1}, {"x": 2}]}', {"x": [1, 2]}),
        ('{"instances": [{"x": 1, "name": "a"}]}', {"x": [1], "name": [b"a"]}),
        ('{"inputs": [1]}', {"x": [1]}),
        ('{"inputs": {"x": [1]}}', {"x": [1]}),
        ('{"inputs": {"x": [1], "name": "a"}}', {"x": [1], "name": b"a"}),
    ],
)
def test_inputs_that_have_a_default_may_be_left_out(body, expected):
    tensors, _ = predict_inputs(parse(body.encode()), TWO, optional={"name"})

    assert {name: to_array(tensor).tolist() for name, tensor in tensors.items()} == expected


@pytest.mark.parametrize("body", ['{"inputs": {"name": "a"}}', '{"instances": [{"x": 1}, {"x": 1, "name": "a"}]}'])
def test_other_inputs_may_not_and_rows_must_agree(body):
    with pytest.raises(InvalidArgument):
        predict_inputs(parse(body.encode()), TWO, optional={"name"})


@pytest.mark.parametrize(
    ("body", "infos", "message"),
    [
        ("", ONE, "JSON Parse error: The document is empty"),
        ('{"instances": [1', ONE, "JSON Parse error: Expecting ',' delimiter at offset: 16"),
        (b'{"instances": ["\xff"]}', ONE, "JSON Parse error: Invalid encoding in string. at offset: 16"),
        ('{"inputs": ["\\ud800"]}', {"x": TWO["name"]}, "JSON Parse error: The surrogate pair in string is invalid."),
        (DEEP, ONE, "JSON Parse error: lists and objects are nested too deeply."),
        ("[]", ONE, "JSON Value: [] Is not object"),
        ("{}", ONE, "Missing 'inputs' or 'instances' key"),
        (
            '{"signature_name": 1}',
            ONE,
            'JSON Value: {\n    "signature_name": 1\n} not formatted correctly. '
            "'signature_name' key must be a string value.",
        ),
        (
            '{"inputs": 1, "instances": 1}',
            ONE,
            'JSON Value: {\n    "inputs": 1,\n    "instances": 1\n} Not formatted correctly expecting only one of '
            "'inputs' or 'instances' keys to exist ",
        ),
        (
            '{"instances": 1}',
            ONE,
            "JSON Value: {\n    \"instances\": 1\n} Expecting 'instances' to be an list/array",
        ),
        ('{"instances": []}', ONE, "JSON Value: {\n    \"instances\": []\n} No values in 'instances' array"),
        (
            '{"instances": [1]}',
            TWO,
            "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
            "tensorinfo_map",
        ),
        (
            '{"inputs": [1]}',
            TWO,
            "inputs is a plain value/list, but expecting an object as multiple input tensors required as per "
            "tensorinfo_map",
        ),
        ('{"inputs": {"x": [1]}}', TWO, "Missing named input: name in 'inputs' object."),
        ('{"instances": [1, {"x": 1}]}', ONE, "Expecting value/list but got object at item 1 of input list"),
        ('{"instances": [{"x": 1}, 1]}', ONE, "Expecting object but got list at item 1 of input list"),
        (
            '{"instances": [{"x": 1}, {"y": 1}]}',
            ONE,
            "Failed to process element: 1 key: y of 'instances' list. Error: INVALID_ARGUMENT: "
            "JSON object: does not have named input: y",
        ),
        (
            '{"instances": [{"x": 1}]}',
            TWO,
            "Failed to process element: 0 of 'instances' list. JSON object: {\n    \"x\": 1\n} "
            "keys must be equal to: name,x",
        ),
        (
            '{"instances": [{"x": 1}, {"x": "a"}]}',
            ONE,
            "Failed to process element: 1 key: x of 'instances' list. Error: INVALID_ARGUMENT: "
            'JSON Value: "a" Type: String is not of expected type: float',
        ),
        (
            '{"instances": [[1, 2], [3]]}',
            ONE,
            "Failed to process element: 1 of 'instances' list. Error: INVALID_ARGUMENT: "
            "Expecting tensor size: 2 but got: 1",
        ),
        (
            '{"instances": [[1, 2], [[1, 2]]]}',
            ONE,
            "Failed to process element: 1 of 'instances' list. Error: INVALID_ARGUMENT: "
            "Expecting shape [2] but got: [1,2]",
        ),
    ],
)
def test_words_what_is_wrong_as_tensorflow_serving_does(body, infos, message):
    with pytest.raises(InvalidArgument) as caught:
        read(body, infos)

    assert str(caught.value) == message


def protos(**arrays):
    return {name: to_proto(np.array(array)) for name, array in arrays.items()}


def test_a_single_output_goes_without_its_name():
    outputs = protos(y=np.float32([0.2, 3]))

    assert predict_body(outputs, as_rows=True) == '{"predictions": [0.2, 3.0]}'
    assert predict_body(outputs, as_rows=False) == '{"outputs": [0.2, 3.0]}'


def test_several_outputs_are_objects():
    outputs = protos(a=[[1], [2]], b=[True, False])

    rows = predict_body(outputs, as_rows=True)
    columns = predict_body(outputs, as_rows=False)

    assert rows == '{"predictions": [{"a": [1], "b": true}, {"a": [2], "b": false}]}'
    assert columns == '{"outputs": {"a": [[1], [2]], "b": [true, false]}}'
    assert json.loads(rows)["predictions"][1] == {"a": [2], "b": False}


def test_columns_need_no_common_first_dimension():
    assert predict_body(protos(a=[1, 2], b=7), as_rows=False) == '{"outputs": {"a": [1, 2], "b": 7}}'


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ({}, "Cannot convert empty tensor map to JSON"),
        (protos(y=7), "Tensor name: y has no shape information "),
        (protos(a=[1, 2], b=[1]), "Tensor name: b has inconsistent batch size: 1 expecting: 2"),
    ],
)
def test_refuses_outputs_that_are_no_rows(outputs, message):
    with pytest.raises(InvalidArgument) as caught:
        predict_body(outputs, as_rows=True)

    assert str(caught.value) == message


def test_lists_of_more_levels_than_a_tensor_has_are_the_callers_mistake():
    body = '{"instances": ' + "[" * 100 + "1" + "]" * 100 + "}"

    with pytest.raises(InvalidArgument, match="more than 64 levels"):
        read(body, ONE)
