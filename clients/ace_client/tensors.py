"""numpy arrays ⇄ TensorProto, for the types of this contract: byte strings to the server, float32 and strings back."""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from .protos.tensor_pb2 import DT_FLOAT, DT_STRING, DataType, TensorProto, TensorShapeProto


def from_strings(values: Sequence[bytes]) -> TensorProto:
    """A tensor string[n] of the values."""
    shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=len(values))])
    return TensorProto(dtype=DT_STRING, tensor_shape=shape, string_val=values)


def to_array(tensor: TensorProto) -> npt.NDArray[Any]:
    """The tensor as an array of its shape: float32, or bytes objects.

    As in TensorFlow, values stand in `tensor_content` or in the list of their type, whose last one is repeated where
    the list is shorter than the shape.

    Raises:
        ValueError: another type, or values that do not fit the shape.
    """
    shape = [dim.size for dim in tensor.tensor_shape.dim]
    if tensor.dtype == DT_FLOAT:
        packed = np.frombuffer(tensor.tensor_content, "<f4")
        return _shaped(packed if packed.size else np.array(tensor.float_val, np.float32), shape)
    if tensor.dtype == DT_STRING:
        return _shaped(np.array(tensor.string_val, object), shape)
    raise ValueError(f"a tensor of type {DataType.Name(tensor.dtype)} is neither float32 nor string")


def _shaped(values: npt.NDArray[Any], shape: list[int]) -> npt.NDArray[Any]:
    missing = prod(shape) - values.size
    if missing > 0 and values.size:
        values = np.concatenate([values, np.repeat(values[-1:], missing)])
    return values.reshape(shape)
