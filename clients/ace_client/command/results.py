"""Where rows go: to stdout, or into a file that a later run goes on with."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final

from .errors import CommandError
from .rows import Format, Row

if sys.platform != "win32":
    import fcntl

_LONGEST_RECORD_BYTES: Final = 2**16  # beyond any path and error: what is longer was not cut off by a kill


class Printed:
    """Rows on a stream, for whoever reads it; all of them are out when the `with` ends."""

    def __init__(self, stream: BinaryIO, layout: Format) -> None:
        self._stream = stream
        self._layout = layout
        self._header = layout.header

    def __enter__(self) -> "Printed":
        return self

    def __exit__(self, *_: object) -> None:
        with self._writing():
            self._stream.flush()

    def missing(self, files: Iterator[str], _held: Callable[[Row], None]) -> Iterator[str]:
        """All the files: nothing is known of any."""
        return files

    def add(self, row: Row) -> None:
        """Writes the row.

        Raises:
            BrokenPipeError: nobody reads the stream any more.
            CommandError: it cannot be written.
        """
        with self._writing():
            self._stream.write(self._header + self._layout.render(row))
            self._stream.flush()
        self._header = b""

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())  # else Python tries again at its end
            if isinstance(error, BrokenPipeError):
                raise
            raise CommandError(f"The results cannot be written: {error.strerror}.") from error


class ResultFile:
    """A file with one row for each image, all of one version of one model, to which each run adds what is missing.

    What a run was writing when it was killed is taken out: its image is asked again. No two runs write to it at once.
    """

    def __init__(self, path: Path, layout: Format, model: str, version: int | None = None) -> None:
        """Opens the file, makes it where there is none, and reads what it holds.

        `version` is the one that will answer, where that is known.

        Raises:
            CommandError: it cannot be opened, another run writes to it, or it holds something else: another format,
                what another model or version answered.
        """
        self._path = path
        self._layout = layout
        self._model = model
        self._held: dict[str, Row] = {}
        self._version: int | None = None
        self._file = self._opened()
        self._buffered = self._nothing_missing = False
        try:
            self._lock()
            self._read()
            self._check_version(version, f"--version is {version}")
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> "ResultFile":
        return self

    def __exit__(self, _: object, error: BaseException | None, __: TracebackType | None) -> None:
        try:
            self._file.close()
        except OSError as failure:  # what could not be written is tried once more
            if error is None:
                raise self._unwritten(failure) from failure

    def missing(self, files: Iterator[str], held: Callable[[Row], None]) -> Iterator[str]:
        """Those of the files that it holds no row of, each once; `held` is given the rows of the others.

        Raises:
            CommandError: rows that were added cannot be written.
        """
        met: set[str] = set()
        for file in files:
            if file in met:
                continue
            met.add(file)
            row = self._held.pop(file, None)
            if row is not None:
                held(row)
                continue
            self._flush()  # once a batch: for each row it would stop the threads that ask for the next ones
            yield file
        self._nothing_missing = True

    def add(self, row: Row) -> None:
        """Writes the row, which is on disk once more images are asked about, or the last ones are answered.

        Raises:
            CommandError: it cannot be written, or another version answered than that of the rows before.
        """
        self._check_version(row.version, f"{row.file} was answered by version {row.version}")
        try:
            self._file.write(self._layout.render(row))
        except OSError as error:
            raise self._unwritten(error) from error
        self._buffered = True
        if self._nothing_missing:
            self._flush()

    def _flush(self) -> None:
        if self._buffered:
            try:
                self._file.flush()
            except OSError as error:
                raise self._unwritten(error) from error
            self._buffered = False

    def _opened(self) -> BinaryIO:
        if self._path.exists() and not self._path.is_file():
            raise CommandError(f"{self._path} is no file that results could be added to: leave --out away for stdout.")
        try:
            return self._path.open("a+b")
        except OSError as error:
            raise self._unwritten(error) from error

    def _lock(self) -> None:
        """Until the file is closed, also by the process's end."""
        if sys.platform == "win32":
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CommandError(f"Another ace-detect writes to {self._path}: let it end first.") from error

    def _read(self) -> None:
        opening = self._layout.opening
        self._file.seek(0)
        start = self._file.read(len(opening))
        if not opening.startswith(start):  # also what keeps a file that is not ours from being cut
            raise CommandError(
                f"{self._path} does not begin as results in this --format do: give the one that it was begun with, or "
                "another file."
            )
        self._file.seek(0)
        end = 0
        for number, record in enumerate(self._records(), 1):
            end += len(record)
            if number > 1 or not self._layout.header:
                self._hold(record, number)
        self._file.truncate(end)
        if not end:
            self._file.write(self._layout.header)

    def _records(self) -> Iterator[bytes]:
        """The whole records; not what the file ends with where a run was killed while it wrote."""
        record, quote = b"", self._layout.quote
        for line in self._file:
            record += line
            if len(record) > _LONGEST_RECORD_BYTES:
                raise self._no_result(f"it begins with {record[:80]!r} and does not end")
            if line.endswith(b"\n") and not (quote and record.count(quote) % 2):
                yield record
                record = b""

    def _hold(self, record: bytes, number: int) -> None:
        try:
            row = self._layout.parse(record) if self._layout.parse else None
        except ValueError as error:
            raise self._no_result(f"record {number}: {error}") from error
        if row is None:
            return
        if row.model != self._model:
            raise CommandError(
                f"{self._path} holds what model {row.model} answered, and --model is {self._model}: give another file."
            )
        self._check_version(row.version, f"{row.file} was answered by version {row.version}")
        self._held[row.file] = row

    def _check_version(self, version: int | None, met: str) -> None:
        if self._version is None:
            self._version = version
        if version not in (None, self._version):
            raise CommandError(
                f"{self._path} is for what version {self._version} answers, and {met}. Pin the first with --version "
                f"{self._version} where it is still served, or give another file."
            )

    def _no_result(self, reason: str) -> CommandError:
        return CommandError(f"{self._path} holds what is no result. Take it out, or give another file ({reason}).")

    def _unwritten(self, error: OSError) -> CommandError:
        return CommandError(f"{self._path} cannot be written: {error.strerror}.")
