"""Base paths and version policies → the versions that should be live."""

import functools
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

_log = logging.getLogger(__name__)
_MAX_NUMBER = 2**63 - 1  # the messages' int64
_CONTENTS = ("saved_model.pb", "saved_model.pbtxt", "variables/*")


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
    """What tells a version from one that has taken its number, or from the part of it that had been copied.

    No inodes: some file systems change them at will.
    """

    written_ns: int  # the last of its files
    size: int


def identity_of(path: Path) -> Identity | None:
    """The identity of the version in a folder; None where there is no graph, as while it is being replaced."""
    try:
        files = [file for pattern in _CONTENTS for file in path.glob(pattern)]
        if not any(file.parent == path for file in files):
            return None
        statuses = [file.stat() for file in files]
    except OSError:  # going while we look
        return None
    return Identity(max(status.st_mtime_ns for status in statuses), sum(status.st_size for status in statuses))


@dataclass(frozen=True)
class Found:
    """What a look at a base path found of the versions that should be live, by number."""

    paths: Mapping[int, Path] = field(default_factory=dict)
    identities: Mapping[int, Identity | None] = field(default_factory=dict)
    trouble: str = ""  # why the base path could not be read; the rest is then what an earlier look found


def look(base_path: Path, policy: VersionPolicy) -> Found:
    """What lies there now. It may take as long as a file system that does not answer.

    Raises:
        OSError: the base path cannot be read.
    """
    paths = policy.aspired(versions_under(base_path))
    return Found(paths, {number: identity_of(path) for number, path in paths.items()})


def versions_under(base_path: Path) -> dict[int, Path]:
    """The version folders of a base path by number. What is no folder, or not named by an int64, is passed over.

    Raises:
        OSError: the base path cannot be read.
    """
    numbered = {int(child.name): child for child in base_path.iterdir() if child.name.isdecimal() and child.is_dir()}
    for number in [number for number in numbered if number > _MAX_NUMBER]:
        _warn_of(numbered.pop(number))
    return numbered


@functools.cache  # once, not at every look
def _warn_of(folder: Path) -> None:
    _log.warning("%s is passed over: versions go up to %d. Give it a smaller number.", folder, _MAX_NUMBER)
