"""Files that are read again when they change, without a thread: they are looked at when somebody asks for them."""

import logging
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Generic, TypeVar

from .errors import SetupError

_log = logging.getLogger(__name__)
_LOOK_S: Final = 0.25  # a change is in force within a second of its being written; a look costs some microseconds

_T = TypeVar("_T")


class WatchedFiles(Generic[_T]):
    """What some files that belong together say: `current`.

    A change that is wrong is logged, and what they said before holds on. Threads may share it.
    """

    def __init__(self, paths: Sequence[str | os.PathLike[str]], parse: Callable[[Sequence[bytes]], _T]) -> None:
        """Reads the files. `parse` is given their contents, and raises ValueError where those are wrong.

        Raises:
            SetupError: a file cannot be read, or is wrong.
        """
        self._paths = [Path(path) for path in paths]
        self._parse = parse
        self._looked_s = time.monotonic()
        self._stamp = self._stamps()
        self._current = self._read()

    @property
    def current(self) -> _T:
        """What the files say, or said when they were last right."""
        now_s = time.monotonic()
        if now_s - self._looked_s >= _LOOK_S:
            self._looked_s = now_s
            self._look()
        return self._current

    def _look(self) -> None:
        stamp = self._stamps()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            found = self._read()
            if self._stamp == stamp:  # else another thread has looked since, and has read what is newer
                self._current = found
                _log.info("%s changed and is in force", self._names())
        except SetupError as error:
            _log.warning("What %s said before holds on: %s", self._names(), error)

    def _read(self) -> _T:
        contents = []
        for path in self._paths:
            try:
                contents.append(path.read_bytes())
            except OSError as error:  # noqa: PERF203 the message names the one file
                raise SetupError(f"cannot read {path}: {error.strerror}") from error
        try:
            return self._parse(contents)
        except ValueError as error:
            raise SetupError(f"{self._names()}: {error}") from error

    def _stamps(self) -> list[tuple[int, ...]]:
        return [_stamp(path) for path in self._paths]

    def _names(self) -> str:
        return " and ".join(map(str, self._paths))


def _stamp(path: Path) -> tuple[int, ...]:
    """What differs once the file was written or replaced, also through the links of a Kubernetes volume."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_mtime_ns, found.st_size, found.st_ino, found.st_dev
