"""An exported version as it lies on disk: its manifest, and its golden images with their answers."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import manifest
from .answers import Answer
from .errors import VersionError


@dataclass(frozen=True)
class Golden:
    """A golden image of a version, and what its graph answered at export."""

    name: str
    data: bytes
    answer: Answer


@dataclass(frozen=True)
class Version:
    """What was written down at export."""

    folder: Path
    manifest: dict[str, Any]

    def golden(self) -> list[Golden]:
        """The golden images.

        Raises:
            VersionError: one is missing.
        """
        return [self._golden(name, entry) for name, entry in self.manifest["golden"].items()]

    def _golden(self, name: str, entry: dict[str, Any]) -> Golden:
        path = self.folder / manifest.GOLDEN / entry["file"]
        try:
            data = path.read_bytes()
        except OSError as error:
            raise VersionError(f"{path} cannot be read: {error.strerror}. Export the detector again.") from error
        prob_fake = math.nan if entry["prob_fake"] is None else entry["prob_fake"]
        return Golden(name, data, Answer(prob_fake, entry["label"], entry["error"]))


def read_version(folder: Path) -> Version:
    """The version in a folder such as `models/detector/3`.

    Raises:
        VersionError: the folder holds none that this tool wrote.
    """
    return Version(folder, manifest.read(folder))
