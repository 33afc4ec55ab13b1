"""Requests put together for one run, and its outputs taken apart again.

The rules are those of TensorFlow Serving's batching_session.cc and batching_util.cc.
"""

from collections.abc import Hashable, Mapping, Sequence

import numpy as np

from .config import BatchingParameters
from .errors import FailedPrecondition, InvalidArgument
from .tensors import Array

Feeds = Mapping[str, Array]


def rows_of(feeds: Feeds) -> int:
    """The common length of the first dimension.

    Raises:
        InvalidArgument: there is none.
    """
    if any(array.ndim == 0 for array in feeds.values()):
        raise InvalidArgument("Batching Run() input tensors must have at least one dimension")
    rows = {array.shape[0] for array in feeds.values()}
    if len(rows) > 1:
        raise InvalidArgument("Batching Run() input tensors must have equal 0th-dimension size")
    return rows.pop() if rows else 1


def parts_of(feeds: Feeds, parameters: BatchingParameters) -> list[Feeds]:
    """The feeds by runs: as they are, or where large ones are split, in pieces that one run takes.

    Raises:
        InvalidArgument: they have no common number of rows.
    """
    rows, step = rows_of(feeds), parameters.max_rows_of_run
    if not parameters.enable_large_batch_splitting or rows <= step:
        return [feeds]
    return [{name: array[start : start + step] for name, array in feeds.items()} for start in range(0, rows, step)]


def kind_of(feeds: Feeds, *, padding: bool) -> Hashable:
    """What feeds that may be merged have in common: names, dtypes, and shapes but for the rows.

    With `padding` only the ranks need be the same. A tensor without a value has nothing to be padded with: where
    TensorFlow Serving fails the whole batch that it is in, it is merged with its like.
    """
    return frozenset(
        (name, array.dtype, array.ndim if padding and array.size else array.shape[1:]) for name, array in feeds.items()
    )


def merge(feeds: Sequence[Feeds], rows: int) -> dict[str, Array]:
    """The feeds one below the other, filled up to `rows` rows with the first row again.

    Where their inner shapes differ each is padded to the largest, at the end of every dimension, with its own first
    value.
    """
    merged = {}
    for name in feeds[0]:
        inner = tuple(map(max, zip(*(feed[name].shape[1:] for feed in feeds), strict=True)))
        arrays = [_padded(feed[name], inner) for feed in feeds]
        missing = rows - sum(len(array) for array in arrays)
        padding = [np.repeat(arrays[0][:1], missing, axis=0)] if missing else []
        merged[name] = np.concatenate([*arrays, *padding]) if len(arrays) + len(padding) > 1 else arrays[0]
    return merged


def _padded(array: Array, inner: tuple[int, ...]) -> Array:
    if array.shape[1:] == inner:
        return array
    padded = np.full((len(array), *inner), array.flat[0], dtype=array.dtype)
    padded[tuple(map(slice, array.shape))] = array
    return padded


def split(outputs: Sequence[Array], rows: Sequence[int], total_rows: int) -> list[list[Array]]:
    """Each request's share of every output; what stands for the padding is dropped.

    Raises:
        FailedPrecondition: an output has not a row for each row of the inputs.
    """
    for output in outputs:
        if output.ndim == 0:
            raise FailedPrecondition("Batched output tensor has 0 dimensions")
        if len(output) != total_rows:
            raise FailedPrecondition(
                "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of the input "
                "tensors"
            )
    ends = np.cumsum(rows)
    return [[output[end - n : end] for output in outputs] for n, end in zip(rows, ends, strict=True)]


def joined(parts: Sequence[list[Array]]) -> list[Array]:
    """The outputs of a request from those of its parts, in their order.

    Raises:
        FailedPrecondition: an output is of another shape in another part.
    """
    if len(parts) == 1:
        return parts[0]
    try:
        return [np.concatenate(values) for values in zip(*parts, strict=True)]
    except ValueError as error:
        raise FailedPrecondition(
            f"The request was split into runs of at most {len(parts[0][0])} rows, and their outputs do not fit "
            f"together: {error}. Send no more rows than that at a time."
        ) from error
