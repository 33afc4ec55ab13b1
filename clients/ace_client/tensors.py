"""numpy arrays ⇄ TensorProto, for every type that both have.

Numbers travel as `tensor_content`, which is the array's memory; what comes back is a read-only view of the answer's
bytes where the server packed them so. Strings are arrays of `bytes` objects. bfloat16, which numpy lacks, comes back as
float32, which holds it exactly, and is sent from arrays of ml_dtypes.
"""

from collections.abc import Sequence
from math import prod
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt

from .protos.tensor_pb2 import (
    DT_BFLOAT16,
    DT_BOOL,
    DT_COMPLEX64,
    DT_COMPLEX128,
    DT_DOUBLE,
    DT_FLOAT,
    DT_HALF,
    DT_INT8,
    DT_INT16,
    DT_INT32,
    DT_INT64,
    DT_STRING,
    DT_UINT8,
    DT_UINT16,
    DT_UINT32,
    DT_UINT64,
    DataType,
    TensorProto,
    TensorShapeProto,
)

Array = npt.NDArray[Any]
_Value = TypeVar("_Value")

# The field with the values of a type that do not stand in tensor_content, and what its bytes are.
_FIELDS: Final[dict[DataType, tuple[str, str]]] = {
    DT_FLOAT: ("float_val", "<f4"),
    DT_DOUBLE: ("double_val", "<f8"),
    DT_INT32: ("int_val", "<i4"),
    DT_UINT8: ("int_val", "u1"),
    DT_INT16: ("int_val", "<i2"),
    DT_INT8: ("int_val", "i1"),
    DT_UINT16: ("int_val", "<u2"),
    DT_INT64: ("int64_val", "<i8"),
    DT_BOOL: ("bool_val", "?"),
    DT_UINT32: ("uint32_val", "<u4"),
    DT_UINT64: ("uint64_val", "<u8"),
    DT_HALF: ("half_val", "<f2"),
    DT_BFLOAT16: ("half_val", "<u2"),
    DT_COMPLEX64: ("scomplex_val", "<c8"),
    DT_COMPLEX128: ("dcomplex_val", "<c16"),
}
_TYPES: Final = {np.dtype(code).name: dtype for dtype, (_, code) in _FIELDS.items() if dtype != DT_BFLOAT16} | {
    "bfloat16": DT_BFLOAT16  # of ml_dtypes
}
_NAMES: Final[dict[DataType, str]] = {dtype: name for name, dtype in _TYPES.items()} | {DT_STRING: "string"}


def fill_strings(tensor: TensorProto, values: Sequence[bytes]) -> None:
    """Makes an empty tensor string[n] of the values."""
    tensor.dtype = DT_STRING
    tensor.tensor_shape.dim.add().size = len(values)
    tensor.string_val.extend(values)


def from_array(values: npt.ArrayLike) -> TensorProto:
    """The array as a tensor of the same type and shape; text is sent as UTF-8.

    Raises:
        TypeError: a type that tensors do not have.
    """
    array = np.asarray(values)
    shape = _shape_proto(array.shape)
    if array.dtype.kind in "OSU":
        return TensorProto(dtype=DT_STRING, tensor_shape=shape, string_val=[_as_bytes(each) for each in array.flat])
    dtype = _TYPES.get(array.dtype.name)
    if dtype is None:
        raise TypeError(f"a tensor cannot be of type {array.dtype}: convert the array to one of {', '.join(_TYPES)}")
    if array.dtype.byteorder == ">":
        array = array.astype(array.dtype.newbyteorder("<"))
    return TensorProto(dtype=dtype, tensor_shape=shape, tensor_content=array.tobytes())


def to_array(tensor: TensorProto) -> Array:
    """The tensor as an array of its shape; strings are bytes objects.

    As in TensorFlow, values stand in `tensor_content` or in the list of their type, whose last one is repeated where
    the list is shorter than the shape.

    Raises:
        ValueError: a type that numpy does not have, or values that do not fit the shape.
    """
    shape = [dim.size for dim in tensor.tensor_shape.dim]
    if tensor.dtype == DT_STRING:
        return _shaped(_objects(tensor.string_val), shape)
    if tensor.dtype not in _FIELDS:
        raise ValueError(f"a tensor of type {type_name(tensor.dtype)} is nothing that numpy holds")
    field, code = _FIELDS[tensor.dtype]
    content = tensor.tensor_content
    values = _shaped(np.frombuffer(content, code) if content else _listed(tensor, field, code), shape)
    return (values.astype("<u4") << 16).view("<f4") if tensor.dtype == DT_BFLOAT16 else values


def to_floats(tensor: TensorProto, count: int) -> list[float]:
    """A tensor float[n] as a list, which for the few values of a verdict is quicker than an array.

    Raises:
        ValueError: another type, or another number of values.
    """
    if tensor.dtype == DT_FLOAT and not tensor.tensor_content:
        return _counted(list(tensor.float_val), tensor, count)
    array = to_array(tensor)
    if array.dtype.kind != "f":
        raise ValueError(f"a tensor of type {type_name(tensor.dtype)} holds no floats")
    return _counted(array.ravel().tolist(), tensor, count)


def to_texts(tensor: TensorProto, count: int) -> list[str]:
    """A tensor string[n] as text, with replacements for what is no UTF-8.

    Raises:
        ValueError: another type, or another number of values.
    """
    if tensor.dtype != DT_STRING:
        raise ValueError(f"a tensor of type {type_name(tensor.dtype)} holds no strings")
    return _counted([value.decode(errors="replace") for value in tensor.string_val], tensor, count)


def type_name(dtype: DataType) -> str:
    """The type as numpy calls it, `string`, or for one that numpy lacks TensorFlow's own name or number."""
    if dtype in _NAMES:
        return _NAMES[dtype]
    name: str = DataType.Name(dtype) if dtype in DataType.values() else str(dtype)  # the stub has no types
    return name


def _counted(values: list[_Value], tensor: TensorProto, count: int) -> list[_Value]:
    dims = tensor.tensor_shape.dim
    size = dims[0].size if len(dims) == 1 else prod([dim.size for dim in dims])
    if values and len(values) < size:
        values += values[-1:] * (size - len(values))
    if not len(values) == size == count:
        raise ValueError(f"a tensor of {size} values, of which {len(values)} are there, is not one of {count}")
    return values


def _listed(tensor: TensorProto, field: str, code: str) -> Array:
    values = getattr(tensor, field)
    if field == "half_val":  # the bits of each, as a number
        return np.array(values, np.uint16).view(code)
    if field in ("scomplex_val", "dcomplex_val"):  # real and imaginary parts in turn
        return np.array(values, "<f4" if field == "scomplex_val" else "<f8").view(code)
    return np.array(values, np.int64 if field == "int_val" else code).astype(code, copy=False)


def _objects(values: Sequence[bytes]) -> Array:
    array = np.empty(len(values), object)
    array[:] = values
    return array


def _as_bytes(value: object) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode()
    raise TypeError(f"a tensor of strings holds bytes or str, not {type(value).__name__}")


def _shape_proto(shape: Sequence[int]) -> TensorShapeProto:
    return TensorShapeProto(dim=[TensorShapeProto.Dim(size=size) for size in shape])


def _shaped(values: Array, shape: list[int]) -> Array:
    missing = prod(shape) - values.size
    if missing > 0 and values.size:
        values = np.concatenate([values, np.repeat(values[-1:], missing)])
    return values.reshape(shape)
