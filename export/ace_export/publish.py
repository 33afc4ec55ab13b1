"""Versions that appear in a repository whole or not at all, and are never overwritten.

A version is written under a name that servers ignore, on the file system where it will live, synced, and renamed: to
a server that polls, it is absent in one moment and whole in the next, whatever kills the exporter.

    models/detector/.exporting-x2k9/lock       held while the exporter lives: what is left unlocked is rubbish
    models/detector/.exporting-x2k9/version/   becomes models/detector/3/
"""

import contextlib
import fcntl
import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from .errors import RepositoryError, VersionExistsError

STAGING_PREFIX = ".exporting-"


def publish(write: Callable[[Path], None], repository: Path, *, version: int | None = None) -> Path:
    """The folder of a new version, which `write` fills: the given one, or the next after the highest.

    Raises:
        VersionExistsError: the version is there already.
        RepositoryError: the repository cannot be written to.
    """
    try:
        if version in versions(repository):
            raise _exists(repository, version)
        repository.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(repository)
        with _staging(repository) as staged:
            write(staged)
            _sync_tree(staged)
            return _appear(staged, repository, version)
    except OSError as error:
        raise RepositoryError(
            f"A version could not be written to {repository}: {error.strerror}. "
            "Pass a folder that can be written to, on a disk with space left."
        ) from error


def versions(repository: Path) -> set[int]:
    """The versions that a server would find in the repository: its folders with a number for a name."""
    if not repository.is_dir():
        return set()
    return {int(child.name) for child in repository.iterdir() if child.name.isascii() and child.name.isdecimal()}


def _appear(staged: Path, repository: Path, version: int | None) -> Path:
    """Renames the staged folder to its version, the next free one where another exporter has just taken it."""
    first = max(versions(repository), default=0) + 1
    for number in itertools.count(first) if version is None else [version]:
        target = repository / str(number)
        try:
            staged.rename(target)  # fails where the target is there, for no version is an empty folder
        except OSError:
            if not target.exists():
                raise
            continue
        _sync(repository)
        return target
    raise _exists(repository, version)


@contextlib.contextmanager
def _staging(repository: Path) -> Iterator[Path]:
    """A folder to fill, invisible to servers, which is gone afterwards unless it was renamed."""
    folder, lock = _locked_folder(repository)
    try:
        staged = folder / "version"
        staged.mkdir()
        yield staged
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.close()


def _locked_folder(repository: Path) -> tuple[Path, IO[bytes]]:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=STAGING_PREFIX, dir=repository))
        lock = (folder / "lock").open("wb")
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.exists():  # else another exporter took it for abandoned before it was locked
            return folder, lock
        lock.close()


def _remove_abandoned(repository: Path) -> None:
    """Deletes what exporters that were killed have left; the locks of those that run are held."""
    for folder in repository.glob(f"{STAGING_PREFIX}*"):
        with contextlib.suppress(OSError), (folder / "lock").open("r+b") as lock:  # not locked here: not ours to delete
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)


def _sync_tree(folder: Path) -> None:
    """Waits until every file and folder below is on the disk, for a rename may reach it before what it renames."""
    for parent, _, names in os.walk(folder, topdown=False):
        for name in names:
            _sync(Path(parent, name))
        _sync(Path(parent))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _exists(repository: Path, version: int | None) -> VersionExistsError:
    return VersionExistsError(
        f"{repository / str(version)} already exists, and a served version is never overwritten.\n"
        "Pass --version with a number not yet used, or leave it out for the next free one."
    )
