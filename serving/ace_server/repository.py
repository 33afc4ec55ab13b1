"""Base paths and version policies → the versions that should be live."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

_GRAPHS = ("saved_model.pb", "saved_model.pbtxt")


@dataclass(frozen=True)
class VersionPolicy:
    """Which versions of a base path are served: the highest few, all, or those named."""

    latest: int = 1  # how many of the highest numbers, where neither of the others is set
    every: bool = False
    specific: tuple[int, ...] = ()

    def aspired(self, versions: Mapping[int, Path]) -> dict[int, Path]:
        """What of the versions found should be live."""
        if self.every:
            return dict(versions)
        if self.specific:
            return {number: versions[number] for number in self.specific if number in versions}
        return {number: versions[number] for number in sorted(versions)[-self.latest :]}


class Identity(NamedTuple):
    """What tells a version from one that has taken its number. No inode: some file systems change them at will."""

    written_ns: int
    size: int


def identity_of(path: Path) -> Identity | None:
    """The identity of the version in a folder; None where there is none, as while it is being replaced."""
    for name in _GRAPHS:
        try:
            status = (path / name).stat()
        except OSError:
            continue
        return Identity(status.st_mtime_ns, status.st_size)
    return None


def versions_under(base_path: Path) -> dict[int, Path]:
    """The version folders of a base path by number. What is no folder, or not named by a number, is passed over.

    Raises:
        OSError: the base path cannot be read.
    """
    return {int(child.name): child for child in base_path.iterdir() if child.name.isdecimal() and child.is_dir()}
