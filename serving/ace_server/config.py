"""BatchingParameters, read from TensorFlow Serving's text files and checked."""

import os
from dataclasses import dataclass
from pathlib import Path

from . import text_files
from .errors import WrongField
from .protos import batching_parameters_pb2


@dataclass(frozen=True)
class BatchingParameters:
    """How waiting requests are merged; names and defaults are TensorFlow Serving's."""

    max_batch_size: int = 1000  # rows of a request; of a run too, where large ones are not split
    batch_timeout_micros: int = 0  # how long a part-filled batch waits while a runner idles
    max_enqueued_batches: int = 10  # full batches that may wait, for each queue
    num_batch_threads: int = os.cpu_count() or 1  # runs at a time
    allowed_batch_sizes: tuple[int, ...] = ()  # a batch is padded up to the next of these; () never pads
    pad_variable_length_inputs: bool = False  # whether requests of different inner shapes are merged
    enable_large_batch_splitting: bool = False
    max_execution_batch_size: int = 0  # rows of a run where large requests are split; 0 is max_batch_size

    def __post_init__(self) -> None:
        for name in ("max_batch_size", "max_enqueued_batches", "num_batch_threads"):
            self._require(getattr(self, name) >= 1, name, "must be at least 1")
        self._require(self.batch_timeout_micros >= 0, "batch_timeout_micros", "must not be negative")
        self._require(self.max_execution_batch_size >= 0, "max_execution_batch_size", "must not be negative")
        if self.enable_large_batch_splitting:
            fits = self.max_execution_batch_size <= self.max_batch_size
            self._require(fits, "max_execution_batch_size", f"must not be above max_batch_size={self.max_batch_size}")
        self._check_allowed_sizes()

    def _require(self, holds: bool, name: str, rule: str) -> None:
        if not holds:
            value = getattr(self, name)
            raise WrongField(name, f"{name} {rule}, but is {value}.", value=value)

    def _check_allowed_sizes(self) -> None:
        sizes = self.allowed_batch_sizes
        if any(size < 1 for size in sizes) or list(sizes) != sorted(set(sizes)):
            raise WrongField(
                "allowed_batch_sizes",
                f"allowed_batch_sizes entries must be monotonically increasing; they are {list(sizes)}.",
            )
        # Where requests are split, TensorFlow Serving's code asks for the one in one place and the other in another.
        expected = {self.max_batch_size, self.max_rows_of_run}
        if sizes and sizes[-1] not in expected:
            limit = "max_execution_batch_size" if self.enable_large_batch_splitting else "max_batch_size"
            raise WrongField(
                "allowed_batch_sizes",
                f"Last entry in allowed_batch_sizes must match {limit}; "
                f"last entry was {sizes[-1]}; expected {self.max_rows_of_run}",
                value=sizes[-1],
            )

    @property
    def max_rows_of_run(self) -> int:
        """The most rows that one run takes, padding aside."""
        split = self.enable_large_batch_splitting and self.max_execution_batch_size
        return self.max_execution_batch_size if split else self.max_batch_size

    def padded(self, size: int) -> int:
        """The number of rows that a batch of `size` rows is run with. An empty batch stays empty."""
        return next((allowed for allowed in self.allowed_batch_sizes if allowed >= size > 0), size)


_WRAPPED = (
    "max_batch_size",
    "batch_timeout_micros",
    "max_enqueued_batches",
    "num_batch_threads",
    "enable_large_batch_splitting",
    "max_execution_batch_size",
)


def read_batching_parameters(path: Path, *, flag: str = "") -> BatchingParameters:
    """The parameters that a text file asks for; what it leaves out has its default.

    `thread_pool_name`, which changes no answer, is passed over.

    Raises:
        StartError: the file cannot be read, is no BatchingParameters, or its values do not go together.
    """
    file = text_files.read(path, batching_parameters_pb2.BatchingParameters(), flag=flag)
    message = file.message
    values = {name: getattr(message, name).value for name in _WRAPPED if message.HasField(name)}
    if values.get("max_enqueued_batches") == 0:
        values["max_enqueued_batches"] = 1  # as TensorFlow Serving takes it
    with file.located():
        return BatchingParameters(
            **values,
            allowed_batch_sizes=tuple(message.allowed_batch_sizes),
            pad_variable_length_inputs=message.pad_variable_length_inputs,
        )
