"""Files that are read again when they change."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Generic, TypeVar

from .errors import CallError, ServerError, StartError

_log = logging.getLogger(__name__)
_LOOK_S = 1.0

_T = TypeVar("_T")


class FollowedFile(Generic[_T]):
    """What a file says: `current`. A change that is wrong is logged, and what the file said before holds on."""

    def __init__(self, path: Path, read: Callable[[Path], _T]) -> None:
        """Read the file for the first time.

        Raises:
            StartError: as `read` does, where the file cannot be read or is wrong; the message names it.
        """
        self._path = path
        self._read = read
        self._seen = _content(path)
        self._refusal = ""  # what was logged last of a change that is tried again
        self.current = read(path)

    async def follow(
        self, *, look_s: float = _LOOK_S, put_in_force: Callable[[_T], Awaitable[None]] | None = None
    ) -> None:
        """Keep `current` up to date until cancelled.

        `put_in_force` is given what the file says now, before it is current, and may refuse it with a ServerError; a
        change that it refuses with a CallError is tried again at every look, as what it needs may come later.
        """
        while True:
            await asyncio.sleep(look_s)
            content = await asyncio.to_thread(_content, self._path)
            if content == self._seen:
                continue
            try:
                changed = await asyncio.to_thread(self._read, self._path)
                if put_in_force:
                    await put_in_force(changed)
                self.current = changed
                _log.info("%s has changed and is in force", self._path)
            except CallError as error:
                if str(error) != self._refusal:
                    _log.error("What %s said before holds on, until this is put right: %s", self._path, error)
                self._refusal = str(error)
                continue
            except ServerError as error:
                _log.error("What %s said before holds on: %s", self._path, error)
            self._seen, self._refusal = content, ""


def text_reader(parse: Callable[[str], _T]) -> Callable[[Path], _T]:
    """Reads a file's text and gives it to `parse`; a StartError, which may come of either, names the file."""

    def read(path: Path) -> _T:
        try:
            return parse(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise StartError(f"Cannot read {path}: {error.strerror}.") from error
        except UnicodeDecodeError as error:
            raise StartError(f"{path} is no text: {error}") from error
        except StartError as error:
            raise StartError(f"{path}: {error}") from error

    return read


def _content(path: Path) -> bytes | str:
    """The file's bytes, or why there are none."""
    try:
        return path.read_bytes()
    except OSError as error:
        return error.strerror or str(error)
