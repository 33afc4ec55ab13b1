"""Versions that are copied in whole or not at all, and taken away likewise."""

import shutil
import tempfile
from pathlib import Path
from typing import Final

from .errors import Refused, SettingsError
from .replaced_files import sync
from .store import Store
from .versions import verified, version_of, versions

_COMING: Final = ".publishing-"  # no numbers: servers pass them over
_GOING: Final = ".retired-"


def numbered(source: Path, folder: Path, version: int | None = None, store: Store | None = None) -> tuple[int, bool]:
    """The number that a version would be published by, and whether it lies there by it already.

    It is the one given, else its own where it lies in the folder, else the next free one.

    Raises:
        Refused: the number is taken.
        SettingsError: the store cannot be read.
    """
    in_place = version_of(source, folder)
    if in_place is not None and version in (None, in_place):
        return in_place, True
    taken = versions(folder) | (store.versions() if store else set())
    number = version or max(taken, default=0) + 1
    if number in taken:
        raise Refused(f"{folder / str(number)} is there already, and a version is never overwritten. Leave --as out.")
    return number, False


def publish(source: Path, folder: Path, version: int | None = None, store: Store | None = None) -> tuple[int, str]:
    """The number, as `numbered` says, and the hash of a version that is in folder and store now, or was already.

    Whoever calls it holds the lock: what another that was killed has left is removed.

    Raises:
        SettingsError: the source is no whole version, or cannot be copied; nothing has appeared.
        Refused: the number is taken.
    """
    number, in_place = numbered(source, folder, version, store)
    sha256 = verified(source)
    if in_place:
        if store and number not in store.versions():
            store.put(source, number)
        return number, sha256
    try:
        folder.mkdir(parents=True, exist_ok=True)
        clean(folder)
        staged = Path(tempfile.mkdtemp(prefix=_COMING, dir=folder)) / "version"
        try:
            shutil.copytree(source, staged)
            sha256 = verified(staged)
            _sync(staged)
            if store:
                store.put(staged, number)  # first: what is in the folder can be loaded
            staged.rename(folder / str(number))
            sync(folder)
        finally:
            shutil.rmtree(staged.parent, ignore_errors=True)
    except (OSError, shutil.Error) as error:
        raise SettingsError(
            f"{source} cannot be copied to {folder}: {_reason(error)}. Nothing has appeared there; make room, or name "
            "another folder."
        ) from error
    return number, sha256


def remove(folder: Path, version: int) -> None:
    """The version is gone: from one moment to the next for whoever looks at the folder.

    Raises:
        SettingsError: it cannot be removed.
    """
    clean(folder)
    try:
        (folder / str(version)).rename(folder / f"{_GOING}{version}")
    except OSError as error:
        raise SettingsError(f"{folder / str(version)} cannot be removed: {error.strerror}.") from error
    clean(folder)


def clean(folder: Path) -> None:
    """Removes what was on its way in or out when its process was killed."""
    for prefix in (_COMING, _GOING):
        for path in folder.glob(f"{prefix}*"):
            shutil.rmtree(path, ignore_errors=True)


def _sync(folder: Path) -> None:
    for path in (*folder.rglob("*"), folder):
        sync(path)


def _reason(error: OSError) -> str:
    """What went wrong with the first file: shutil gathers them all in one error."""
    first = error.args[0][0][2] if isinstance(error, shutil.Error) and error.args else error.strerror
    return str(first or error)
