"""Files that are replaced as a whole: a reader, and whoever comes after a crash, finds the old content or the new."""

import contextlib
import os
from pathlib import Path


def replace(path: Path, content: str) -> None:
    """The file holds the content, on the disk, once this returns; with the mode that it had. One writer at a time.

    Raises:
        OSError: it cannot be written; it holds what it held.
    """
    path = path.resolve()  # a link stays one
    new = path.with_name(f".{path.name}.new")  # always the same: what a killed process has left is written over
    try:
        with new.open("w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), path.stat().st_mode & 0o777 if path.exists() else 0o644)
            os.fsync(file.fileno())
        new.rename(path)
    except OSError:
        with contextlib.suppress(OSError):
            new.unlink()
        raise
    sync(path.parent)


def sync(path: Path) -> None:
    """A file's content, or what was renamed in a folder, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
