"""TFRecord files that follow one another, each of whole records only."""

import logging
import os
import socket
import time
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

import tensorflow as tf

from .errors import CallError, Unavailable, tensorflow_errors_mapped

_log = logging.getLogger(__name__)
_MAX_FILE_BYTES: Final = 256 * 2**20
_MAX_FILE_RECORDS: Final = 1000  # as many as a SavedModel may bring to its warm-up
_FRAME_BYTES: Final = 16  # of a TFRecord, beside its content
_RETRY_S: Final = 10.0


class RecordFiles:
    """The TFRecord files of one prefix, one after the other. Used from one thread.

    Each holds whole records only, as many as a SavedModel may bring to its warm-up, and is never written by another
    process: its name says when, where and by which it was begun.
    """

    def __init__(self, prefix: str, *, max_bytes: int = _MAX_FILE_BYTES, retry_s: float = _RETRY_S) -> None:
        """After a failure nothing is written for `retry_s`; then a new file is begun."""
        self._prefix = prefix
        self._max_bytes = max_bytes
        self._retry_s = retry_s
        self._writer: Any = None
        self._path = Path()
        self._bytes = self._records = self._begun = 0
        self._failed_s: float | None = None

    def write(self, record: bytes) -> None:
        """Append a record, and begin a new file before one that would be too large.

        Raises:
            CallError: it cannot be written. The first time in a row that is an error in the log.
        """
        if self._failed_s is not None and time.monotonic() < self._failed_s + self._retry_s:
            raise Unavailable(f"{self._prefix} could not be written a moment ago.")
        size = len(record) + _FRAME_BYTES
        try:
            with tensorflow_errors_mapped():
                if self._writer is None or self._bytes + size > self._max_bytes or self._records == _MAX_FILE_RECORDS:
                    self._begin()
                self._writer.write(record)
                self._writer.flush()
        except CallError as error:
            self._give_up(error)
            raise
        self._bytes += size
        self._records += 1
        if self._failed_s is not None:
            self._failed_s = None
            _log.info("Requests are logged again, to %s", self._path)

    def close(self) -> None:
        """Close the file."""
        if self._writer:
            with suppress(tf.errors.OpError):
                self._writer.close()
        self._writer = None

    def _begin(self) -> None:
        self.close()
        self._begun += 1
        self._bytes = self._records = 0
        when = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        self._path = Path(f"{self._prefix}-{when}-{socket.gethostname()}-{os.getpid()}-{self._begun}.tfrecord")
        self._writer = tf.io.TFRecordWriter(str(self._path))

    def _give_up(self, error: CallError) -> None:
        """Leave the file as it was before the record that failed, and none where there was no other."""
        self.close()
        with suppress(OSError):
            os.truncate(self._path, self._bytes) if self._bytes else self._path.unlink()
        if self._failed_s is None:
            _log.error(
                "Cannot log requests to %s-*: %s. Calls go on; what is not logged is counted", self._prefix, error
            )
        self._failed_s = time.monotonic()
