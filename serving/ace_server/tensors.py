"""TensorProto ⇄ numpy, with the checks and the wire form of TensorFlow's own `Tensor::FromProto` and `AsProtoField`."""

import math
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np
import numpy.typing as npt
from tensorflow.core.framework import tensor_pb2, types_pb2

Array = npt.NDArray[Any]


class _Layout(NamedTuple):
    """How TensorProto carries one dtype: `bits` are the field's numbers before they are looked at as `dtype`."""

    dtype: Any
    field: str
    bits: Any


_LAYOUTS: dict[int, _Layout] = {
    types_pb2.DT_FLOAT: _Layout(np.float32, "float_val", np.float32),
    types_pb2.DT_DOUBLE: _Layout(np.float64, "double_val", np.float64),
    types_pb2.DT_HALF: _Layout(np.float16, "half_val", np.uint16),
    types_pb2.DT_BFLOAT16: _Layout(ml_dtypes.bfloat16, "half_val", np.uint16),
    types_pb2.DT_INT8: _Layout(np.int8, "int_val", np.int8),
    types_pb2.DT_INT16: _Layout(np.int16, "int_val", np.int16),
    types_pb2.DT_INT32: _Layout(np.int32, "int_val", np.int32),
    types_pb2.DT_INT64: _Layout(np.int64, "int64_val", np.int64),
    types_pb2.DT_UINT8: _Layout(np.uint8, "int_val", np.uint8),
    types_pb2.DT_UINT16: _Layout(np.uint16, "int_val", np.uint16),
    types_pb2.DT_UINT32: _Layout(np.uint32, "uint32_val", np.uint32),
    types_pb2.DT_UINT64: _Layout(np.uint64, "uint64_val", np.uint64),
    types_pb2.DT_BOOL: _Layout(np.bool_, "bool_val", np.bool_),
    types_pb2.DT_COMPLEX64: _Layout(np.complex64, "scomplex_val", np.float32),
    types_pb2.DT_COMPLEX128: _Layout(np.complex128, "dcomplex_val", np.float64),
    **{
        getattr(types_pb2, f"DT_{name.upper()}"): _Layout(getattr(ml_dtypes, name), "int_val", getattr(ml_dtypes, name))
        for name in ("int2", "int4", "uint2", "uint4")
    },
    **{
        getattr(types_pb2, f"DT_{name.upper()}"): _Layout(getattr(ml_dtypes, name), "float8_val", np.uint8)
        for name in (
            "float4_e2m1fn",
            "float8_e4m3b11fnuz",
            "float8_e4m3fn",
            "float8_e4m3fnuz",
            "float8_e5m2",
            "float8_e5m2fnuz",
        )
    },
    types_pb2.DT_STRING: _Layout(np.object_, "string_val", np.object_),
}
DTYPES = {np.dtype(layout.dtype): dtype for dtype, layout in _LAYOUTS.items()}
_WIRE = {"half_val": np.int32, "int_val": np.int32}  # fields whose numbers are wider than what they carry
_MAX_BYTES = 2**31 - 1  # what a message can carry at most
MAX_REPEATED_BYTES = 64 * 2**20  # of a tensor that its message does not carry: a few bytes could ask for gigabytes
MAX_RANK = 64  # numpy's; TensorFlow's is 254
STRING_BYTES = 24  # of one in a tensor of TensorFlow's, beside those that do not fit into it


def to_array(proto: tensor_pb2.TensorProto) -> Array:
    """The tensor that a TensorProto stands for.

    Values come from `tensor_content`, which must fit the shape exactly, or else from the typed field, where missing
    values repeat the last one (or are zero where there is none) and surplus ones are dropped. An unknown rank is a
    scalar. Strings become an object array of bytes.

    Raises:
        ValueError: the message is no tensor: unknown dtype, negative or overflowing shape, content of another size; or
            a value is repeated to more than MAX_REPEATED_BYTES.
    """
    if proto.dtype not in _LAYOUTS:
        raise ValueError(f"dtype {proto.dtype} is not supported")
    layout = _LAYOUTS[proto.dtype]
    shape = [dim.size for dim in proto.tensor_shape.dim]
    if len(shape) > MAX_RANK:  # before the product, which of a million dimensions takes minutes
        raise ValueError(f"a shape of {len(shape)} dimensions is not possible")
    size = math.prod(shape)
    if any(dim < 0 for dim in shape) or size * np.dtype(layout.dtype).itemsize > _MAX_BYTES:
        raise ValueError(f"shape {shape} is not possible")
    if proto.tensor_content:
        return _from_content(proto.tensor_content, layout, size).reshape(shape)
    values = getattr(proto, layout.field)
    given = np.fromiter(values, dtype=_WIRE.get(layout.field, layout.bits), count=len(values))
    return _filled(given.astype(layout.bits, copy=False).view(layout.dtype), size).reshape(shape)


def _from_content(content: bytes, layout: _Layout, size: int) -> Array:
    if layout.dtype is np.object_:
        raise ValueError("strings are carried in string_val, not in tensor_content")
    if len(content) != size * np.dtype(layout.dtype).itemsize:
        raise ValueError(f"tensor_content has {len(content)} bytes for {size} elements")
    return np.frombuffer(content, dtype=layout.dtype)


def _filled(values: Array, size: int) -> Array:
    if values.size >= size:
        return values[:size]
    last = values[-1] if values.size else b"" if values.dtype == np.object_ else np.zeros((), values.dtype)
    element_bytes = STRING_BYTES + len(last) if values.dtype == np.object_ else values.itemsize
    if (size - values.size) * element_bytes > MAX_REPEATED_BYTES:
        raise ValueError(f"{size} elements are more than {values.size} values may stand for; send them all")
    filled = np.full(size, last, dtype=values.dtype)
    filled[: values.size] = values
    return filled


def to_proto(array: Array) -> tensor_pb2.TensorProto:
    """The TensorProto of an array in the form that TensorFlow Serving answers with: every value in its typed field."""
    dtype = DTYPES[array.dtype]
    layout = _LAYOUTS[dtype]
    proto = _empty_proto(array, dtype)
    bits = array.reshape(-1).view(layout.bits)
    if layout.field == "float8_val":  # one string of bytes
        proto.float8_val = bits.tobytes()
    else:
        getattr(proto, layout.field).extend(bits.tolist())
    return proto


def to_packed_proto(array: Array) -> tensor_pb2.TensorProto:
    """The TensorProto of an array with its memory as `tensor_content`; strings still go into their field."""
    if array.dtype == np.object_:
        return to_proto(array)
    proto = _empty_proto(array, DTYPES[array.dtype])
    proto.tensor_content = array.tobytes()
    return proto


def _empty_proto(array: Array, dtype: int) -> tensor_pb2.TensorProto:
    proto = tensor_pb2.TensorProto(dtype=dtype)
    proto.tensor_shape.SetInParent()  # there for a scalar too
    for dim in array.shape:
        proto.tensor_shape.dim.add(size=dim)
    return proto
