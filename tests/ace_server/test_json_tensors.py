"""JSON values as arrays and arrays as JSON texts."""

import ml_dtypes
import numpy as np
import pytest
from tensorflow.core.framework import types_pb2

from ace_server.errors import InvalidArgument, Unimplemented
from ace_server.json_tensors import array_of, texts_of

FLOAT, INT8, UINT8, INT64 = types_pb2.DT_FLOAT, types_pb2.DT_INT8, types_pb2.DT_UINT8, types_pb2.DT_INT64
STRING, BOOL = types_pb2.DT_STRING, types_pb2.DT_BOOL


@pytest.mark.parametrize(
    ("value", "dtype", "expected"),
    [
        (1, FLOAT, np.float32(1)),
        ([1, 2.5, -3e3], FLOAT, np.array([1, 2.5, -3000], np.float32)),
        ([[1], [2]], types_pb2.DT_DOUBLE, np.array([[1.0], [2.0]])),
        ([0.5], types_pb2.DT_HALF, np.array([0.5], np.float16)),
        ([0.5], types_pb2.DT_BFLOAT16, np.array([0.5], ml_dtypes.bfloat16)),
        ([float("nan"), float("inf"), -float("inf")], FLOAT, np.array([np.nan, np.inf, -np.inf], np.float32)),
        ([127, -128], INT8, np.array([127, -128], np.int8)),
        ([2**63 - 1], INT64, np.array([2**63 - 1])),
        ([2**64 - 1], types_pb2.DT_UINT64, np.array([2**64 - 1], np.uint64)),
        ([True, False], BOOL, np.array([True, False])),
        (["é", {"b64": "//8="}, {"b64": "//8"}, {"b64": "/\n/8="}], STRING, ["é".encode(), *[b"\xff\xff"] * 3]),
        ([], FLOAT, np.zeros(0, np.float32)),
        ([[], []], FLOAT, np.zeros((2, 0), np.float32)),
    ],
)
def test_reads_each_type(value, dtype, expected):
    array = array_of(value, dtype)

    expected = np.asarray(expected, dtype=np.object_ if dtype == STRING else None)
    assert (array.dtype, array.shape) == (expected.dtype, expected.shape)
    np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize(
    ("value", "dtype", "message"),
    [
        ([1, "a"], FLOAT, 'JSON Value: "a" Type: String is not of expected type: float'),
        ([1, True], FLOAT, "JSON Value: true Type: True is not of expected type: float"),
        ([None], FLOAT, "JSON Value: null Type: Null is not of expected type: float"),
        ([1, 2.0], INT64, "JSON Value: 2.0 Type: Number is not of expected type: int64"),
        ([1, 256], UINT8, "JSON Value: 256 Type: Number is not of expected type: uint8"),
        ([-1], UINT8, "JSON Value: -1 Type: Number is not of expected type: uint8"),
        ([1], BOOL, "JSON Value: 1 Type: Number is not of expected type: bool"),
        ([1], STRING, "JSON Value: 1 Type: Number is not of expected type: string"),
        ([{"b64": "/w=="}], FLOAT, 'JSON Value: {\n    "b64": "/w=="\n} Type: Object is not of expected type: float'),
        ([{"b65": ""}], STRING, 'JSON Value: {\n    "b65": ""\n} not formatted correctly for base64 data'),
        ([{"b64": "%"}], STRING, "Unable to base64 decode"),
        ([{"b64": "é"}], STRING, "Unable to base64 decode"),
        ([16777216], FLOAT, "Cannot convert JSON value: 16777216 to float without loss of precision."),
        ([0.5, -16777216], FLOAT, "Cannot convert JSON value: -16777216 to float without loss of precision."),
        ([1.0, 1e39], FLOAT, "Cannot convert JSON value: 1e+39 to float without loss of precision."),
        ([10**400], FLOAT, f"Cannot convert JSON value: {10**400} to float without loss of precision."),
        ([[1, 2], [3]], FLOAT, "Encountered list at unexpected size: 1 at level: 1 expected size: 2"),
        ([1, [2]], FLOAT, "Encountered list at unexpected level: 1 expected < 1"),
        ([[1], 2], FLOAT, "JSON Value: 2 found at incorrect level: 2 in the JSON DOM. Expected at level: 2"),
    ],
)
def test_words_what_is_wrong_as_tensorflow_serving_does(value, dtype, message):
    with pytest.raises(InvalidArgument) as caught:
        array_of(value, dtype)

    assert str(caught.value) == message


def test_large_floats_are_no_integers_that_lose_precision():
    np.testing.assert_array_equal(array_of([1, 3e38], FLOAT), np.array([1, 3e38], np.float32))


def test_refuses_what_json_cannot_carry():
    with pytest.raises(Unimplemented, match="to type: complex64"):
        array_of([1], types_pb2.DT_COMPLEX64)


def test_quotes_only_the_beginning_of_a_long_value():
    with pytest.raises(InvalidArgument) as caught:
        array_of(["x" * 1_000_000], FLOAT)

    assert len(str(caught.value)) < 1100


@pytest.mark.parametrize(
    ("array", "texts"),
    [
        (np.array([0.2, 3, 1e-7, 1e20, 2 / 3], np.float32), ["0.2", "3.0", "1e-07", "1e+20", "0.6666667"]),
        (np.array([0.1, 2 / 3]), ["0.1", "0.6666666666666666"]),
        (np.array([0.1], np.float16), ["0.1"]),
        (np.array([0.5], ml_dtypes.bfloat16), ["0.5"]),
        (np.array([np.nan, np.inf, -np.inf, 1], np.float32), ["NaN", "Infinity", "-Infinity", "1.0"]),
        (np.array([-1, 2**62]), ["-1", str(2**62)]),
        (np.array([True, False]), ["true", "false"]),
        (np.array(['é"'.encode(), b"\xff"], np.object_), ['"é\\""', '{"b64": "/w=="}']),
        (np.zeros((2, 0, 3), np.float32), ["[]", "[]"]),
        (np.arange(4).reshape(2, 2, 1), ["[[0], [1]]", "[[2], [3]]"]),
    ],
)
def test_writes_each_type(array, texts):
    assert texts_of("y", array, kept_axes=1) == texts


def test_writes_a_whole_array_as_one_text():
    assert texts_of("y", np.arange(4).reshape(2, 2), kept_axes=0) == ["[[0, 1], [2, 3]]"]
    assert texts_of("y", np.array(7), kept_axes=0) == ["7"]
    assert texts_of("y", np.zeros((0, 2)), kept_axes=0) == ["[]"]


def test_outputs_named_bytes_are_base64():
    assert texts_of("image_bytes", np.array([b"ab"], np.object_), kept_axes=1) == ['{"b64": "YWI="}']


def test_refuses_to_write_what_json_cannot_carry():
    with pytest.raises(InvalidArgument, match="Failed to write JSON value for tensor type: complex64"):
        texts_of("y", np.zeros(1, np.complex64), kept_axes=1)
