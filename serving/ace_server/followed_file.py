"""Files that are read again when they change."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from .errors import StartError

_log = logging.getLogger(__name__)
_LOOK_S = 1.0

_T = TypeVar("_T")


class FollowedFile(Generic[_T]):
    """What a file says: `current`. A change that is wrong is logged, and what the file said before holds on."""

    def __init__(self, path: Path, parse: Callable[[str], _T]) -> None:
        """Read the file. `parse` is given its text, and raises StartError where that is wrong.

        Raises:
            StartError: the file cannot be read, or is wrong; the message names it.
        """
        self._path = path
        self._parse = parse
        self._seen = _content(path)
        self.current = self._parsed()

    async def follow(self) -> None:
        """Keep `current` up to date until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_S)
            self._look()

    def _look(self) -> None:
        content = _content(self._path)
        if content == self._seen:
            return
        self._seen = content
        try:
            self.current = self._parsed()
            _log.info("%s has changed and is in force", self._path)
        except StartError as error:
            _log.error("What %s said before holds on: %s", self._path, error)

    def _parsed(self) -> _T:
        if isinstance(self._seen, str):
            raise StartError(f"Cannot read {self._path}: {self._seen}.")
        try:
            return self._parse(self._seen.decode())
        except UnicodeDecodeError as error:
            raise StartError(f"{self._path} is no text: {error}") from error
        except StartError as error:
            raise StartError(f"{self._path}: {error}") from error


def _content(path: Path) -> bytes | str:
    """The file's bytes, or why there are none."""
    try:
        return path.read_bytes()
    except OSError as error:
        return error.strerror or str(error)
