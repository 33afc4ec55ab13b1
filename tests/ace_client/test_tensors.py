import numpy as np
import pytest

from ace_client.protos.tensor_pb2 import DT_FLOAT, DT_STRING, TensorProto, TensorShapeProto
from ace_client.tensors import fill_strings, from_array, to_array, to_floats, to_texts


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
    tensor = TensorProto()
    fill_strings(tensor, [b"\0\xff", b""])

    assert to_array(tensor).tolist() == [b"\0\xff", b""]
    assert to_texts(tensor, 2) == ["\0\ufffd", ""]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_of_any_width_are_read_as_a_list(dtype):
    assert to_floats(from_array(np.array([[0.5], [0.25]], dtype)), 2) == [0.5, 0.25]


def test_a_list_too_repeats_its_last_value():
    assert to_floats(TensorProto(dtype=DT_FLOAT, tensor_shape=shape(3), float_val=[1.0, 2.0]), 3) == [1.0, 2.0, 2.0]


@pytest.mark.parametrize(
    ("read", "tensor"),
    [
        (to_floats, from_array(np.float32([1]))),
        (to_floats, from_array([b"1", b"2"])),
        (to_floats, from_array(np.int32([1, 2]))),
        (to_floats, TensorProto(dtype=DT_FLOAT, tensor_shape=shape(2))),
        (to_floats, TensorProto(dtype=DT_FLOAT, tensor_shape=shape(1), float_val=[1.0, 2.0])),
        (to_texts, from_array([b"1"])),
        (to_texts, from_array(np.float32([1, 2]))),
    ],
)
def test_lists_of_another_type_or_length_are_an_error(read, tensor):
    with pytest.raises(ValueError, match=r"is not one of 2|holds no"):
        read(tensor, 2)


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


NUMBERS = ["float16", "float32", "float64", "complex64", "complex128", "bool"] + [
    f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)
]


@pytest.mark.parametrize("dtype", NUMBERS)
@pytest.mark.parametrize("shape_", [(), (0, 3), (2, 3)])
def test_numbers_of_every_type_and_shape_come_back_as_they_went(dtype, shape_):
    array = np.ones(shape_, dtype) * np.array(1, dtype)

    back = to_array(TensorProto.FromString(from_array(array).SerializeToString()))

    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    np.testing.assert_array_equal(back, array)


@pytest.mark.parametrize("dtype", NUMBERS)
def test_tensorflow_reads_what_we_write_and_we_read_what_it_writes(dtype):
    tf_util = pytest.importorskip("tensorflow.python.framework.tensor_util")
    from tensorflow.core.framework import tensor_pb2 as theirs

    array = np.arange(6).reshape(2, 3).astype(dtype)

    np.testing.assert_array_equal(
        tf_util.MakeNdarray(theirs.TensorProto.FromString(from_array(array).SerializeToString())), array
    )
    for packed in (array, array[:1, :1]):  # TensorFlow lists single values, and packs several
        ours = TensorProto.FromString(tf_util.make_tensor_proto(packed).SerializeToString())
        np.testing.assert_array_equal(to_array(ours), packed)


@pytest.mark.parametrize("order", [">f4", "<f4"])
def test_bytes_of_any_order_and_layout_are_sent_as_tensors_have_them(order):
    array = np.arange(6, dtype=order).reshape(2, 3).T

    np.testing.assert_array_equal(to_array(from_array(array)), array)


def test_packed_numbers_are_read_without_a_copy():
    array = to_array(from_array(np.arange(3, dtype=np.float32)))

    assert not array.flags.owndata
    assert not array.flags.writeable


def test_bfloat16_comes_back_as_float32_which_holds_it_exactly():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    array = np.array([1.5, -2.0, 3.140625], ml_dtypes.bfloat16)

    back = to_array(from_array(array))

    assert back.dtype == np.float32
    assert back.tolist() == [1.5, -2.0, 3.140625]


@pytest.mark.parametrize("values", [["é", "b"], [b"\xc3\xa9", b"b"], np.array([b"\xc3\xa9", b"b"])])
def test_text_is_sent_as_utf_8_and_comes_back_as_bytes(values):
    assert to_array(from_array(values)).tolist() == [b"\xc3\xa9", b"b"]


@pytest.mark.parametrize("values", [np.array(["2026-01-01"], "datetime64[D]"), np.zeros(1, [("a", "f4")]), [None]])
def test_what_no_tensor_holds_is_a_bug_of_the_caller(values):
    with pytest.raises(TypeError, match=r"a tensor cannot be of type|holds bytes or str"):
        from_array(values)
