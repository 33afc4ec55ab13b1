import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2, types_pb2

from ace_server.tensors import to_array, to_packed_proto, to_proto

DTYPES = [
    np.float32, np.float64, np.float16, ml_dtypes.bfloat16, np.int8, np.int16, np.int32, np.int64,
    np.uint8, np.uint16, np.uint32, np.uint64, np.bool_, np.complex64, np.complex128,
    ml_dtypes.int2, ml_dtypes.int4, ml_dtypes.uint2, ml_dtypes.uint4, ml_dtypes.float4_e2m1fn,
    ml_dtypes.float8_e4m3b11fnuz, ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e4m3fnuz, ml_dtypes.float8_e5m2,
    ml_dtypes.float8_e5m2fnuz,
]  # fmt: skip


def tensor(dtype: int, *shape: int, **fields: object) -> tensor_pb2.TensorProto:
    proto = tensor_pb2.TensorProto(dtype=dtype, **fields)
    for size in shape:
        proto.tensor_shape.dim.add(size=size)
    return proto


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3)])
def test_every_dtype_and_shape_comes_back_as_it_went(dtype, shape):
    array = np.arange(np.prod(shape, dtype=int)).astype(dtype).reshape(shape)

    back = to_array(to_proto(array))

    assert back.dtype == array.dtype
    assert back.shape == shape
    assert back.tolist() == array.tolist()


@pytest.mark.parametrize("dtype", [dtype for dtype in (*DTYPES, np.object_) if "fnuz" not in dtype.__name__])
def test_no_dtype_is_written_otherwise_than_tensorflow_reads_it(dtype):
    array = np.array([b"a", b""], dtype) if dtype is np.object_ else np.array([1, 0]).astype(dtype)

    for proto in (to_proto(array), to_packed_proto(array)):  # of fnuz, make_ndarray knows nothing
        assert tf.make_ndarray(proto).tolist() == array.tolist()


def test_strings_come_back_as_bytes():
    array = np.array([[b"a", b""], [b"\xff\x00", b"b"]], dtype=object)

    assert to_array(to_proto(array)).tolist() == array.tolist()


def test_content_of_the_exact_size_is_read():
    content = np.array([[1.0, 2.0]], dtype=np.float32).tobytes()

    assert to_array(tensor(types_pb2.DT_FLOAT, 1, 2, tensor_content=content)).tolist() == [[1.0, 2.0]]


@pytest.mark.parametrize("content", [b"\x00" * 4, b"\x00" * 7, b"\x00" * 12])
def test_content_of_another_size_is_refused(content):
    with pytest.raises(ValueError, match="2 elements"):
        to_array(tensor(types_pb2.DT_FLOAT, 2, tensor_content=content))


def test_the_last_value_repeats_where_values_are_missing():
    assert to_array(tensor(types_pb2.DT_INT32, 4, int_val=[5, 6])).tolist() == [5, 6, 6, 6]
    assert to_array(tensor(types_pb2.DT_STRING, 3, string_val=[b"x"])).tolist() == [b"x", b"x", b"x"]


def test_no_value_at_all_is_zero_or_empty():
    assert to_array(tensor(types_pb2.DT_FLOAT, 2)).tolist() == [0.0, 0.0]
    assert to_array(tensor(types_pb2.DT_STRING, 2)).tolist() == [b"", b""]


def test_surplus_values_are_dropped():
    assert to_array(tensor(types_pb2.DT_INT64, 2, int64_val=[1, 2, 3])).tolist() == [1, 2]


def test_narrow_integers_wrap_as_a_cast_does():
    assert to_array(tensor(types_pb2.DT_INT8, 2, int_val=[300, -1])).tolist() == [44, -1]


@pytest.mark.parametrize("dtype", [types_pb2.DT_INVALID, types_pb2.DT_QINT8, types_pb2.DT_RESOURCE, 99])
def test_unknown_dtypes_are_refused(dtype):
    with pytest.raises(ValueError, match="dtype"):
        to_array(tensor(dtype, 1))


@pytest.mark.parametrize("shape", [(-1,), (2**40, 2**40), (2**62, 4), (2**31,)])
def test_impossible_shapes_are_refused_before_memory_is_asked_for(shape):
    with pytest.raises(ValueError, match="not possible"):
        to_array(tensor(types_pb2.DT_FLOAT, *shape, float_val=[1.0]))


@pytest.mark.parametrize(
    ("dtype", "size", "fields"),
    [
        (types_pb2.DT_FLOAT, 2**26, {}),
        (types_pb2.DT_FLOAT, 2**26, {"float_val": [1.0, 2.0]}),
        (types_pb2.DT_STRING, 2**16, {"string_val": [b"x" * 2000]}),  # in Python one object, in TensorFlow 2**16
        (types_pb2.DT_STRING, 2**25, {}),
    ],
)
def test_a_few_values_do_not_stand_for_gigabytes(dtype, size, fields):
    with pytest.raises(ValueError, match="send them all"):
        to_array(tensor(dtype, size, **fields))


def test_a_hundred_thousand_dimensions_are_refused_before_they_are_multiplied():
    with pytest.raises(ValueError, match="100000 dimensions"):
        to_array(tensor(types_pb2.DT_FLOAT, *[2**62] * 100_000))


def test_a_scalar_says_that_it_has_a_shape():
    assert to_proto(np.float32(1.5).reshape(())).HasField("tensor_shape")
