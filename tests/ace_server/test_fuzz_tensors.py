"""Whatever a TensorProto holds, it is an array or an error of ours, for memory that was sent in bytes."""

import ml_dtypes
import numpy as np
import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st
from tensorflow.core.framework import tensor_pb2, types_pb2
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import predict_pb2

from ace_server.errors import CallError
from ace_server.predict import bind
from ace_server.tensors import DTYPES, MAX_REPEATED_BYTES, to_array, to_packed_proto, to_proto

TYPES = st.sampled_from(types_pb2.DataType.values()) | st.integers(-(2**31), 2**31 - 1)
SIZES = st.integers(0, 4) | st.sampled_from([-1, 2**16, 2**31, 2**32, 2**62, 2**63 - 1])
SHAPES = st.lists(SIZES, max_size=4) | st.lists(st.just(1) | SIZES, max_size=100)
INT32 = st.integers(-(2**31), 2**31 - 1)
VALUES = {
    "float_val": st.floats(width=32),
    "double_val": st.floats(),
    "half_val": INT32,
    "int_val": INT32,
    "int64_val": st.integers(-(2**63), 2**63 - 1),
    "uint32_val": st.integers(0, 2**32 - 1),
    "uint64_val": st.integers(0, 2**64 - 1),
    "bool_val": st.booleans(),
    "scomplex_val": st.floats(width=32),
    "dcomplex_val": st.floats(),
    "string_val": st.binary(max_size=50),
}
NARROW = [  # of whose bytes some stand for nothing
    np.dtype(narrow)
    for narrow in (np.bool_, ml_dtypes.int2, ml_dtypes.int4, ml_dtypes.uint2, ml_dtypes.uint4, ml_dtypes.float4_e2m1fn)
]
BITS = ("float8_val", "tensor_content")


@st.composite
def protos(draw):
    """A message whose parts need not fit each other, though they often do."""
    proto = tensor_pb2.TensorProto(dtype=draw(st.sampled_from(sorted(DTYPES.values())) | TYPES))
    for size in draw(SHAPES):
        proto.tensor_shape.dim.add(size=size)
    for field in draw(st.lists(st.sampled_from(sorted(VALUES)), max_size=4, unique=True)):
        getattr(proto, field).extend(draw(st.lists(VALUES[field], max_size=6)))
    if draw(st.booleans()):
        setattr(proto, draw(st.sampled_from(BITS)), draw(st.binary(max_size=64)))
    return proto


@st.composite
def damaged(draw):
    """The bytes of a message, some of them others."""
    encoded = bytearray(draw(protos()).SerializeToString())
    for _ in range(draw(st.integers(0, 3))):
        if encoded:
            encoded[draw(st.integers(0, len(encoded) - 1))] = draw(st.integers(0, 255))
    return bytes(encoded[: draw(st.integers(0, len(encoded)))]) if draw(st.booleans()) else bytes(encoded)


@st.composite
def arrays(draw):
    """An array of any dtype that TensorProto carries, of any bits."""
    dtype = draw(st.sampled_from(list(DTYPES)))
    shape = draw(st.lists(st.integers(0, 4), max_size=3))
    size = int(np.prod(shape, dtype=int))
    if dtype == np.object_:
        flat = np.empty(size, dtype)
        flat[:] = draw(st.lists(st.binary(max_size=9), min_size=size, max_size=size))
        return flat.reshape(shape)
    bits = draw(st.binary(min_size=size * dtype.itemsize, max_size=size * dtype.itemsize))
    if dtype in NARROW:
        return (np.frombuffer(bits, np.uint8) % 2).astype(dtype).reshape(shape)
    return np.frombuffer(bits, dtype).reshape(shape)


@given(protos() | damaged() | st.binary(max_size=300))
def test_any_tensor_of_a_request_is_bound_or_refused_within_memory_that_was_sent(memory_peak, given_proto):
    proto = given_proto
    if isinstance(proto, bytes):
        try:
            proto = tensor_pb2.TensorProto.FromString(proto)
        except DecodeError:
            return  # gRPC's to refuse
    request = predict_pb2.PredictRequest(inputs={"x": proto})
    signature = meta_graph_pb2.SignatureDef(inputs={"x": meta_graph_pb2.TensorInfo(name="x:0", dtype=proto.dtype)})

    with memory_peak() as peak:
        try:
            [array] = bind(request, {"serving_default": signature}).feeds.values()
        except CallError:
            array = None

    assert peak.bytes < 2**21 + 50 * proto.ByteSize() + MAX_REPEATED_BYTES
    if array is not None:
        assert list(array.shape) == [dim.size for dim in proto.tensor_shape.dim]
        assert DTYPES[array.dtype] == proto.dtype


@pytest.mark.parametrize("encode", [to_proto, to_packed_proto])
@given(arrays())
def test_any_array_comes_back_as_it_went(encode, array):
    back = to_array(tensor_pb2.TensorProto.FromString(encode(array).SerializeToString()))

    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    assert bits_of(back) == bits_of(array)


def bits_of(array):
    """What is to be the same: strings, or the bits of all but NaNs, of which Python's floats keep no payload."""
    if array.dtype == np.object_:
        return array.tolist()
    with np.errstate(invalid="ignore"):
        return np.where(array != array, np.ones((), array.dtype), array).tobytes()  # NaN is not itself
