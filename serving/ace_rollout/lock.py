"""One rollout at a time on a models.config: a lock that ends with the process that holds it, however that ends."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from .errors import Busy
from .who import who


@contextlib.contextmanager
def locked(path: Path, doing: str) -> Iterator[None]:
    """Nobody else is inside for the same path. `doing` is what others are told is being done.

    Raises:
        Busy: somebody is; the message says who, and what they do.
    """
    with path.open("a+", encoding="utf-8") as file:  # the file stays: removed, two could lock two of its name
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Busy(f"{_held_by(file)} holds {path}. Wait until it is done, or end it.") from error
        file.truncate(0)
        file.write(f"process {os.getpid()} of {who()} ({doing})")
        file.flush()
        yield  # closing it lets it go; what it says is looked at only while it is held


def holder(path: Path) -> str | None:
    """Who is inside, and what they do; None where nobody is."""
    try:
        with path.open(encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return _held_by(file)
    except FileNotFoundError:
        pass
    return None


def _held_by(file: IO[str]) -> str:
    file.seek(0)
    return file.read() or "Another process"
