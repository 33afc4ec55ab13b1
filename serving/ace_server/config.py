"""BatchingParameters, read from TensorFlow Serving's text files and checked."""

import os
from dataclasses import dataclass
from pathlib import Path

from google.protobuf import text_format

from .errors import StartError
from .protos import batching_parameters_pb2


@dataclass(frozen=True)
class BatchingParameters:
    """How waiting requests are merged; names and defaults are TensorFlow Serving's."""

    max_batch_size: int = 1000  # rows
    batch_timeout_micros: int = 0  # how long a part-filled batch waits while a runner idles
    max_enqueued_batches: int = 10  # full batches that may wait, for each queue
    num_batch_threads: int = os.cpu_count() or 1  # runs at a time
    allowed_batch_sizes: tuple[int, ...] = ()  # a batch is padded up to the next of these; () never pads

    def __post_init__(self) -> None:
        for name in ("max_batch_size", "max_enqueued_batches", "num_batch_threads"):
            if getattr(self, name) < 1:
                raise StartError(f"{name} must be at least 1, but is {getattr(self, name)}.")
        if self.batch_timeout_micros < 0:
            raise StartError(f"batch_timeout_micros must not be negative, but is {self.batch_timeout_micros}.")
        sizes = self.allowed_batch_sizes
        if any(size < 1 for size in sizes) or list(sizes) != sorted(set(sizes)):
            raise StartError(f"allowed_batch_sizes entries must be monotonically increasing; they are {list(sizes)}.")
        if sizes and sizes[-1] != self.max_batch_size:
            raise StartError(
                "Last entry in allowed_batch_sizes must match max_batch_size; "
                f"last entry was {sizes[-1]}; expected {self.max_batch_size}"
            )

    def padded(self, size: int) -> int:
        """The number of rows that a batch of `size` rows is run with. An empty batch stays empty."""
        return next((allowed for allowed in self.allowed_batch_sizes if allowed >= size > 0), size)


_WRAPPED = ("max_batch_size", "batch_timeout_micros", "max_enqueued_batches", "num_batch_threads")
_IGNORED = ("thread_pool_name",)  # names a metric of TensorFlow Serving's, changes no answer


def read_batching_parameters(path: Path) -> BatchingParameters:
    """The parameters that a text file asks for; what it leaves out has its default.

    Raises:
        StartError: the file cannot be read, is no BatchingParameters, or its values do not go together.
    """
    try:
        message = text_format.Parse(path.read_text(), batching_parameters_pb2.BatchingParameters())
    except OSError as error:
        raise StartError(f"Cannot read --batching_parameters_file={path}: {error.strerror}.") from error
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise StartError(f"{path} is no text file of BatchingParameters: {error}") from error
    values = {name: getattr(message, name).value for name in _WRAPPED if message.HasField(name)}
    known = {*_WRAPPED, *_IGNORED, "allowed_batch_sizes"}
    for descriptor, _ in message.ListFields():
        if descriptor.name not in known:
            raise StartError(f"{path} sets {descriptor.name}, which is not supported yet; take it out.")
    return BatchingParameters(**values, allowed_batch_sizes=tuple(message.allowed_batch_sizes))
