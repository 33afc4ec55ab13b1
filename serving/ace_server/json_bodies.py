"""The JSON bodies of Predict ⇄ tensors, by rows and by columns, in TensorFlow Serving's words (json_tensor.cc)."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeAlias

from tensorflow.core.framework import tensor_pb2
from tensorflow.core.protobuf import meta_graph_pb2

from .errors import CallError, InvalidArgument
from .json_tensors import array_of, is_base64, shown, texts_of
from .tensors import Array, to_array, to_packed_proto

Document: TypeAlias = Mapping[str, Any]
_Infos: TypeAlias = Mapping[str, meta_graph_pb2.TensorInfo]
_Tensors: TypeAlias = Mapping[str, tensor_pb2.TensorProto]


class PredictInputs(NamedTuple):
    """What a Predict body asks: the tensors by input alias, and whether they came as rows."""

    tensors: _Tensors
    as_rows: bool


@contextmanager
def malformed_refused() -> Iterator[None]:
    """What Python's parser lets pass and no message can hold is refused as malformed."""
    try:
        yield
    except RecursionError as error:
        raise InvalidArgument("JSON Parse error: lists and objects are nested too deeply.") from error
    except UnicodeEncodeError as error:
        raise InvalidArgument("JSON Parse error: The surrogate pair in string is invalid.") from error


@malformed_refused()
def parse(body: bytes) -> Document:
    """The JSON object of a request; NaN, Infinity and -Infinity are numbers.

    Raises:
        InvalidArgument: it is no JSON, or no object, or its `signature_name` is no string.
    """
    if not body:
        raise InvalidArgument("JSON Parse error: The document is empty")
    try:
        document = json.loads(body.decode("utf-8-sig"))
    except json.JSONDecodeError as error:
        raise InvalidArgument(f"JSON Parse error: {error.msg} at offset: {error.pos}") from error
    except UnicodeDecodeError as error:
        raise InvalidArgument(f"JSON Parse error: Invalid encoding in string. at offset: {error.start}") from error
    except ValueError as error:  # an integer of thousands of digits
        raise InvalidArgument(f"JSON Parse error: {error}") from error
    if not isinstance(document, dict):
        raise InvalidArgument(f"JSON Value: {shown(document)} Is not object")
    name = document.get("signature_name", "")
    if not isinstance(name, str):
        raise InvalidArgument(
            f"JSON Value: {shown(document)} not formatted correctly. 'signature_name' key must be a string value."
        )
    name.encode()  # a lone surrogate would fail later
    return document


@malformed_refused()
def predict_inputs(document: Document, infos: _Infos, *, optional: Collection[str] = ()) -> PredictInputs:
    """The tensors of a Predict body, of the dtypes that the signature's inputs have.

    Inputs that are `optional` may be left out, by all rows or by none; a plain list is for the only one that is not.

    Raises:
        InvalidArgument: neither or both of `instances` and `inputs` are there, or they do not fit the signature.
        Unimplemented: a dtype that JSON cannot carry.
    """
    if "instances" in document and "inputs" in document:
        raise InvalidArgument(
            f"JSON Value: {shown(document)} Not formatted correctly expecting only one of 'inputs' or 'instances' "
            "keys to exist "
        )
    if "instances" in document:
        rows = document["instances"]
        if not isinstance(rows, list):
            raise InvalidArgument(f"JSON Value: {shown(document)} Expecting 'instances' to be an list/array")
        if not rows:
            raise InvalidArgument(f"JSON Value: {shown(document)} No values in 'instances' array")
        infos = _asked(infos, optional, rows[0])
        arrays = _named_rows(rows, infos) if _is_object(rows[0]) else _plain_rows(rows, infos)
    elif "inputs" in document:
        arrays = _columns(document["inputs"], _asked(infos, optional, document["inputs"]))
    else:
        raise InvalidArgument("Missing 'inputs' or 'instances' key")
    return PredictInputs({name: to_packed_proto(array) for name, array in arrays.items()}, "instances" in document)


def _asked(infos: _Infos, optional: Collection[str], value: Any) -> _Infos:
    """Without the optional inputs that a value leaves out."""
    if _is_object(value):
        return {name: info for name, info in infos.items() if name in value or name not in optional}
    return {name: info for name, info in infos.items() if name not in optional} or infos


def _plain_rows(rows: list[Any], infos: _Infos) -> dict[str, Array]:
    if len(infos) > 1:
        raise InvalidArgument(
            "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
            "tensorinfo_map"
        )
    for index, row in enumerate(rows):
        if _is_object(row):
            raise InvalidArgument(f"Expecting value/list but got object at item {index} of input list")
    [name] = infos
    return {name: _batch(rows, infos[name].dtype)}


def _named_rows(rows: list[Any], infos: _Infos) -> dict[str, Array]:
    for index, row in enumerate(rows):
        if not _is_object(row):
            raise InvalidArgument(f"Expecting object but got list at item {index} of input list")
        if row.keys() == infos.keys():
            continue
        for key in row.keys() - infos.keys():
            raise InvalidArgument(
                f"Failed to process element: {index} key: {key} of 'instances' list. "
                f"Error: INVALID_ARGUMENT: JSON object: does not have named input: {key}"
            )
        raise InvalidArgument(
            f"Failed to process element: {index} of 'instances' list. JSON object: {shown(row)} "
            f"keys must be equal to: {','.join(sorted(infos))}"
        )
    return {name: _batch([row[name] for row in rows], info.dtype, key=name) for name, info in infos.items()}


def _columns(value: Any, infos: _Infos) -> dict[str, Array]:
    if not _is_object(value):
        if len(infos) > 1:
            raise InvalidArgument(
                "inputs is a plain value/list, but expecting an object as multiple input tensors required as per "
                "tensorinfo_map"
            )
        [name] = infos
        return {name: array_of(value, infos[name].dtype)}
    for name in infos:
        if name not in value:
            raise InvalidArgument(f"Missing named input: {name} in 'inputs' object.")
    return {name: array_of(value[name], info.dtype) for name, info in infos.items()}


def _batch(rows: list[Any], dtype: int, key: str = "") -> Array:
    """The rows as one tensor; what is wrong is said of the row that it is wrong in."""
    try:
        return array_of(rows, dtype)
    except CallError as error:
        raise _complaint_about_row(rows, dtype, key) or error from error


def _complaint_about_row(rows: list[Any], dtype: int, key: str) -> InvalidArgument | None:
    first: Array | None = None
    for index, row in enumerate(rows):
        where = f"Failed to process element: {index}{f' key: {key}' if key else ''} of 'instances' list."
        try:
            array = array_of(row, dtype)
        except CallError as error:
            return InvalidArgument(f"{where} Error: {error.code.name}: {error}")
        first = array if first is None else first
        problem = f"{where} Error: INVALID_ARGUMENT: Expecting"
        if array.size != first.size:
            return InvalidArgument(f"{problem} tensor size: {first.size} but got: {array.size}")
        if array.shape != first.shape:
            return InvalidArgument(f"{problem} shape {_bracketed(first.shape)} but got: {_bracketed(array.shape)}")
    return None


def _bracketed(shape: Sequence[int]) -> str:
    return f"[{','.join(map(str, shape))}]"


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and not is_base64(value)


def predict_body(outputs: _Tensors, *, as_rows: bool) -> str:
    """The answer to a Predict body, by rows or by columns as the request was; a single output goes without its name.

    Strings that are not UTF-8, and all of an output whose name ends in `_bytes`, are written in base64.

    Raises:
        InvalidArgument: rows are asked for and the outputs have no common first dimension, or JSON has no such dtype.
    """
    arrays = {name: to_array(tensor) for name, tensor in outputs.items()}
    if not arrays:
        raise InvalidArgument("Cannot convert empty tensor map to JSON")
    if not as_rows:
        columns = {name: texts_of(name, array, kept_axes=0)[0] for name, array in arrays.items()}
        return f'{{"outputs": {_object(columns) if len(columns) > 1 else next(iter(columns.values()))}}}'
    _check_rows(arrays)
    columns_of_rows = [texts_of(name, array, kept_axes=1) for name, array in arrays.items()]
    if len(columns_of_rows) > 1:
        rows = [_object(dict(zip(arrays, row, strict=True))) for row in zip(*columns_of_rows, strict=True)]
    else:
        [rows] = columns_of_rows
    return f'{{"predictions": [{", ".join(rows)}]}}'


def _check_rows(arrays: Mapping[str, Array]) -> None:
    rows: int | None = None
    for name, array in arrays.items():
        if array.ndim == 0:
            raise InvalidArgument(f"Tensor name: {name} has no shape information ")
        if rows is not None and len(array) != rows:
            raise InvalidArgument(f"Tensor name: {name} has inconsistent batch size: {len(array)} expecting: {rows}")
        rows = len(array)


def _object(members: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{json.dumps(name)}: {text}" for name, text in members.items()) + "}"
