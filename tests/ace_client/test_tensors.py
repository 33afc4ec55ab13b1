import numpy as np
import pytest

from ace_client.protos.tensor_pb2 import DT_FLOAT, DT_STRING, TensorProto, TensorShapeProto
from ace_client.tensors import from_strings, to_array


def shape(*sizes: int) -> TensorShapeProto:
    return TensorShapeProto(dim=[TensorShapeProto.Dim(size=size) for size in sizes])


def test_floats_are_read_from_both_places_where_they_may_stand():
    listed = TensorProto(dtype=DT_FLOAT, tensor_shape=shape(2, 1), float_val=[0.5, 0.25])
    packed = TensorProto(dtype=DT_FLOAT, tensor_shape=shape(2, 1), tensor_content=b"\0\0\0?\0\0\x80>")

    np.testing.assert_array_equal(to_array(listed), np.array([[0.5], [0.25]], np.float32))
    np.testing.assert_array_equal(to_array(packed), to_array(listed))


def test_the_last_value_stands_for_those_left_out():
    short = TensorProto(dtype=DT_FLOAT, tensor_shape=shape(3), float_val=[1.0, 2.0])

    assert to_array(short).tolist() == [1.0, 2.0, 2.0]


def test_strings_come_back_as_they_went():
    assert to_array(from_strings([b"\0\xff", b""])).tolist() == [b"\0\xff", b""]


@pytest.mark.parametrize(
    "tensor",
    [
        TensorProto(dtype=99, tensor_shape=shape(1), int64_val=[1]),
        TensorProto(dtype=DT_FLOAT, tensor_shape=shape(1), float_val=[1.0, 2.0]),
        TensorProto(dtype=DT_FLOAT, tensor_shape=shape(2)),
        TensorProto(dtype=DT_STRING, tensor_shape=shape(2)),
        TensorProto(),
    ],
)
def test_values_that_do_not_fit_are_an_error(tensor):
    with pytest.raises(ValueError, match=r"nothing that numpy holds|cannot reshape"):
        to_array(tensor)
