"""JSON values ⇄ arrays, with the checks and the words of TensorFlow Serving's json_tensor.cc.

Lists are flattened level by level, so that every element's type is known and numpy converts them all at once.
Numbers are written by numpy: the shortest digits that give the same float back (0.2, not 0.20000000298023224).
"""

import base64
import binascii
import json
import math
from itertools import chain, islice
from typing import Any, Final

import ml_dtypes
import numpy as np
from tensorflow.core.framework import types_pb2

from .errors import InvalidArgument, Unimplemented
from .tensors import MAX_RANK, Array

_FLOATS: Final[dict[int, tuple[Any, int]]] = {  # dtype and the bits of its mantissa
    types_pb2.DT_FLOAT: (np.float32, 24),
    types_pb2.DT_DOUBLE: (np.float64, 53),
    types_pb2.DT_HALF: (np.float16, 11),
    types_pb2.DT_BFLOAT16: (ml_dtypes.bfloat16, 8),
}
_INTEGERS: Final[dict[int, type[np.integer[Any]]]] = {
    types_pb2.DT_INT8: np.int8,
    types_pb2.DT_INT16: np.int16,
    types_pb2.DT_INT32: np.int32,
    types_pb2.DT_INT64: np.int64,
    types_pb2.DT_UINT8: np.uint8,
    types_pb2.DT_UINT16: np.uint16,
    types_pb2.DT_UINT32: np.uint32,
    types_pb2.DT_UINT64: np.uint64,
}
_KINDS: Final = {dict: "Object", list: "Array", str: "String", int: "Number", float: "Number", type(None): "Null"}
_SPECIAL: Final = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
_MAX_SHOWN_CHARACTERS: Final = 1000  # of a value that an error message quotes


def array_of(value: Any, dtype: int) -> Array:
    """A scalar or an evenly nested list as a tensor of a DataType.

    Raises:
        InvalidArgument: it is nested unevenly or too deeply, or an element is not of that type or would lose precision.
        Unimplemented: JSON has nothing for that type.
    """
    shape: list[int] = []
    level = [value]
    while level and isinstance(level[0], list):
        size = len(level[0])
        if set(map(type, level)) != {list} or set(map(len, level)) != {size}:
            raise _complaint_about_nesting(level, len(shape), size)
        shape.append(size)
        if len(shape) > MAX_RANK:
            raise InvalidArgument(f"JSON Value: lists of more than {MAX_RANK} levels are no tensor")
        level = list(chain.from_iterable(level))
    return _elements(level, dtype, rank=len(shape)).reshape(shape)


def _complaint_about_nesting(level: list[Any], depth: int, size: int) -> InvalidArgument:
    odd = next(value for value in level if not isinstance(value, list) or len(value) != size)
    if isinstance(odd, list):
        return InvalidArgument(
            f"Encountered list at unexpected size: {len(odd)} at level: {depth} expected size: {size}"
        )
    rank, first = depth, level[0]
    while isinstance(first, list):
        rank, first = rank + 1, first[0] if first else None
    return InvalidArgument(
        f"JSON Value: {shown(odd)} found at incorrect level: {depth + 1} in the JSON DOM. Expected at level: {rank}"
    )


def _elements(values: list[Any], dtype: int, rank: int) -> Array:
    kinds = set(map(type, values))
    if list in kinds:
        raise InvalidArgument(f"Encountered list at unexpected level: {rank} expected < {rank}")
    if dtype == types_pb2.DT_STRING:
        strings = np.empty(len(values), dtype=np.object_)
        strings[:] = [bytes_of(value) for value in values]
        return strings
    if dtype in _FLOATS:
        allowed = {int, float}
    elif dtype in _INTEGERS:
        allowed = {int}
    elif dtype == types_pb2.DT_BOOL:
        allowed = {bool}
    else:
        raise Unimplemented(f"Conversion of JSON Value: {shown(values[:1])} to type: {_spelt(dtype)}")
    if not kinds <= allowed:
        raise _wrong_type(next(value for value in values if type(value) not in allowed), dtype)
    if dtype in _FLOATS:
        return _floats(values, dtype, has_integers=int in kinds)
    return _integers(values, dtype) if dtype in _INTEGERS else np.array(values, dtype=np.bool_)


def _integers(values: list[int], dtype: int) -> Array:
    kind = _INTEGERS[dtype]
    try:
        return np.array(values, dtype=kind)
    except OverflowError:
        low, high = np.iinfo(kind).min, np.iinfo(kind).max
        raise _wrong_type(next(value for value in values if not low <= value <= high), dtype) from None


def _floats(values: list[float], dtype: int, *, has_integers: bool) -> Array:
    """Finite stays finite; an integer must fit into the mantissa."""
    kind, mantissa_bits = _FLOATS[dtype]
    largest = 2**mantissa_bits - 1
    try:
        wide = np.array(values, dtype=np.float64)
    except OverflowError:
        raise _lossy(max(values, key=abs), dtype) from None
    if has_integers and (np.abs(wide) > largest).any():
        for value in values:
            if isinstance(value, int) and abs(value) > largest:
                raise _lossy(value, dtype)
    with np.errstate(over="ignore"):
        array = wide.astype(kind)
    lost = np.isinf(array) & np.isfinite(wide)
    if lost.any():
        raise _lossy(values[int(lost.argmax())], dtype)
    return array


def bytes_of(value: Any) -> bytes:
    """The bytes of a string or of a {"b64": "..."}.

    Raises:
        InvalidArgument: it is neither, or its base64 is wrong.
    """
    if isinstance(value, str):
        return value.encode()
    if not isinstance(value, dict):
        raise _wrong_type(value, types_pb2.DT_STRING)
    if not is_base64(value):
        raise InvalidArgument(f"JSON Value: {shown(value)} not formatted correctly for base64 data")
    text = "".join(value["b64"].split())  # line breaks and missing padding are forgiven, as there
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidArgument("Unable to base64 decode") from error


def is_base64(value: Any) -> bool:
    """Whether it is a {"b64": "..."}, which stands for bytes, and no object of named values."""
    return isinstance(value, dict) and len(value) == 1 and isinstance(value.get("b64"), str)


def _wrong_type(value: Any, dtype: int) -> InvalidArgument:
    return InvalidArgument(
        f"JSON Value: {shown(value)} Type: {kind_of(value)} is not of expected type: {_spelt(dtype)}"
    )


def _lossy(value: float, dtype: int) -> InvalidArgument:
    return InvalidArgument(f"Cannot convert JSON value: {shown(value)} to {_spelt(dtype)} without loss of precision.")


def kind_of(value: Any) -> str:
    """What error messages call the type of a JSON value."""
    return str(value) if isinstance(value, bool) else _KINDS[type(value)]


def _spelt(dtype: int) -> str:
    return str(types_pb2.DataType.Name(dtype)).removeprefix("DT_").lower()


def texts_of(name: str, array: Array, *, kept_axes: int) -> list[str]:
    """JSON texts of the parts of an array: of the whole for no kept axis, of each row for one."""
    texts = _element_texts(array.reshape(-1), as_bytes=name.endswith("_bytes"))
    for axis in range(array.ndim - 1, kept_axes - 1, -1):
        size = array.shape[axis]
        starts = range(0, size * math.prod(array.shape[:axis]), size) if size else [0] * math.prod(array.shape[:axis])
        texts = [f"[{', '.join(texts[start : start + size])}]" for start in starts]
    return texts


def _element_texts(flat: Array, *, as_bytes: bool) -> list[str]:
    if flat.dtype == ml_dtypes.bfloat16:
        flat = flat.astype(np.float32)
    if flat.dtype == np.object_:
        return [_string_text(value, as_bytes=as_bytes) for value in flat]
    if flat.dtype.kind == "f":
        texts: list[str] = flat.astype("U").tolist()
        return texts if np.isfinite(flat).all() else [_SPECIAL.get(text, text) for text in texts]
    if flat.dtype.kind == "b":
        return ["true" if value else "false" for value in flat.tolist()]
    if flat.dtype.kind in "iu":
        return [str(value) for value in flat.tolist()]
    raise InvalidArgument(f"Failed to write JSON value for tensor type: {flat.dtype}")


def _string_text(value: bytes, *, as_bytes: bool) -> str:
    if not as_bytes:
        try:
            return json.dumps(value.decode(), ensure_ascii=False)
        except UnicodeDecodeError:
            pass
    return f'{{"b64": "{base64.b64encode(value).decode()}"}}'


def shown(value: Any) -> str:
    """A value as error messages quote it: indented, and cut where it is long."""
    chunks = json.JSONEncoder(indent=4, ensure_ascii=False).iterencode(value)
    text = "".join(islice(chunks, _MAX_SHOWN_CHARACTERS))
    return text if len(text) <= _MAX_SHOWN_CHARACTERS else f"{text[:_MAX_SHOWN_CHARACTERS]}..."
