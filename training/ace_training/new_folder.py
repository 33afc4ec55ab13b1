"""A folder that appears whole or not at all."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .errors import FaceSetError


@contextlib.contextmanager
def appearing_whole(folder: Path) -> Iterator[Path]:
    """A folder beside the one wanted, renamed to it at the end and removed where the end is not reached.

    Raises:
        FaceSetError: the folder wanted exists and is not empty, or cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FaceSetError(f"{folder} is already in use, and a set is drawn into a new folder only. Name another one.")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}.partial-", dir=folder.parent))
        try:
            yield partial
            partial.chmod(0o755)
            partial.replace(folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        raise FaceSetError(f"{folder} cannot be written: {error.strerror}. Name another folder.") from error
