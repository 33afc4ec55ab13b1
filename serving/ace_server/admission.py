"""What is taken on, and what is refused while too much waits: queues bounded in length, inputs bounded in bytes."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np

from .config import BatchingParameters
from .errors import CallError, InvalidArgument, ResourceExhausted, Unavailable
from .tensors import STRING_BYTES, Array

_MAX_WAITING_UNBATCHED = 1000  # requests of one queue
_MEMORY = 0.2  # weight of the last run in the pace: a few runs tell
_RETRY_S = (0.02, 10.0)  # the soonest and the latest that a caller is told to try again


class Admission:
    """The limits, what is held of them, and how fast it goes away. Used from one event loop."""

    def __init__(self, *, max_bytes: int = 0) -> None:
        """`max_bytes` is for the inputs of all requests that wait or run; 0 is without limit."""
        self._max_bytes = max_bytes
        self._bytes = 0
        self._row_s = 0.0  # from one row to the next, over all runners

    @contextmanager
    def admitted(self, size: int, rows: int, waiting_rows: int, limits: BatchingParameters | None) -> Iterator[None]:
        """One request's stay, with inputs of `size` bytes, behind `waiting_rows` in its queue.

        Without `limits` it is not batched.

        Raises:
            InvalidArgument: with batching, it has more rows than a batch.
            Unavailable: with batching, the queue is full.
            ResourceExhausted: too many requests, or too many bytes, are there already.
        """
        self._refuse_length(rows, waiting_rows, limits)
        if self._max_bytes and self._bytes and self._bytes + size > self._max_bytes:
            raise self._later(
                ResourceExhausted(
                    f"The requests that are being answered hold {self._bytes} bytes; this one's {size} are too many "
                    f"beside them (--max_in_flight_bytes={self._max_bytes}). Send less, or to another replica."
                ),
                waiting_rows,
            )
        self._bytes += size
        try:
            yield
        finally:
            self._bytes -= size

    def ran(self, rows: int, run_s: float, runners: int) -> None:
        """So many rows took `run_s` beside `runners` - 1 other runs."""
        row_s = run_s / max(1, rows) / max(1, runners)
        self._row_s += (row_s - self._row_s) * (_MEMORY if self._row_s else 1.0)

    def bytes_held(self) -> dict[tuple[str, ...], float]:
        """The bytes of all inputs that wait or run."""
        return {(): self._bytes}

    def _refuse_length(self, rows: int, waiting_rows: int, limits: BatchingParameters | None) -> None:
        if limits is None:
            if waiting_rows >= _MAX_WAITING_UNBATCHED:
                message = f"{waiting_rows} requests are waiting already. Send fewer, or to another replica."
                raise self._later(ResourceExhausted(message), waiting_rows)
        elif rows > limits.max_batch_size:
            raise InvalidArgument(f"Task size {rows} is larger than maximum input batch size {limits.max_batch_size}")
        elif waiting_rows + rows > limits.max_enqueued_batches * limits.max_rows_of_run:
            raise self._later(Unavailable(_full(rows, waiting_rows, limits)), waiting_rows)

    def _later(self, refusal: CallError, waiting_rows: int) -> CallError:
        """The refusal, with the time after which half of what waits will have been answered."""
        soonest_s, latest_s = _RETRY_S
        refusal.retry_after_s = min(max(waiting_rows * self._row_s / 2, soonest_s), latest_s)
        return refusal


def bytes_of(feeds: Mapping[str, Array]) -> int:
    """What the inputs of a request take."""
    return sum(map(_bytes_of, feeds.values()))


def _bytes_of(array: Array) -> int:
    return array.nbytes if array.dtype != np.object_ else array.size * STRING_BYTES + sum(map(len, array.flat))


def _full(rows: int, waiting_rows: int, limits: BatchingParameters) -> str:
    batches, open_rows = -(-waiting_rows // limits.max_rows_of_run), waiting_rows % limits.max_rows_of_run
    text = "The batch scheduling queue to which this task was submitted is full; "
    if not limits.enable_large_batch_splitting:
        return text + (
            f"currently {batches} batches enqueued and max_enqueued_batches is {limits.max_enqueued_batches}"
        )
    capacity = limits.max_enqueued_batches * limits.max_rows_of_run - waiting_rows
    return text + (
        f"task size is {rows} but scheduling capacity is only {capacity} (num_enqueued_batches={batches}, "
        f"max_enqueued_batches={limits.max_enqueued_batches}, open_batch_size={open_rows}, "
        f"max_execution_batch_size={limits.max_rows_of_run})"
    )
