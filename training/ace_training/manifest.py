"""`manifest.csv` beside the images of a set: from which video, of which people, by which manipulation each is.

Sets without one are taken as their file names say where those are `<video>_<frame>.jpg`; see `read_manifest`.
"""

import csv
import dataclasses
import hashlib
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ace_client.contract import IMAGE_SUFFIXES

from .errors import ImageFolderError
from .image_files import CLASS_NAMES, SPLITS
from .whole_file import whole_file

MANIFEST_FILE: Final = "manifest.csv"


@dataclass(frozen=True, kw_only=True)
class ManifestEntry:
    """One image of a set."""

    file: str  # below the set's folder, with slashes: `test/fake/033_097_12.jpg`
    split: str  # `train`, `val`, `test`
    label: str  # `real`, `fake`
    video: str  # unique within the set, one for all its frames: `fake/Deepfakes/033_097`
    identity: str  # who is seen
    donor: str = ""  # whose face a fake was given; empty for real ones, and where nobody's
    manipulation: str = ""  # `Deepfakes`; empty for real ones
    compression: str = ""  # `raw`, `c23`, `c40`, or empty where it is not known
    frame: int = 0  # in its video, from 0
    box: str = ""  # of the face in the frame, in pixels: `left top width height`; empty where the image is the frame

    @property
    def people(self) -> frozenset[str]:
        """Everyone whose face is in the image."""
        return frozenset({self.identity, self.donor} - {""})


def write_manifest(data: Path, entries: list[ManifestEntry]) -> Path:
    """Writes the set's manifest, whole or not at all, in the order of the files, and returns its path."""
    path = data / MANIFEST_FILE
    text = io.StringIO()
    rows = csv.DictWriter(text, [field.name for field in dataclasses.fields(ManifestEntry)], lineterminator="\n")
    rows.writeheader()
    rows.writerows(dataclasses.asdict(entry) for entry in sorted(entries, key=lambda entry: entry.file))
    with whole_file(path) as stream:
        stream.write(text.getvalue().encode())
    return path


def read_manifest(data: Path) -> list[ManifestEntry]:
    """The entries of the set's images, in the order of the files.

    An image in a split's folder that no manifest names, or in a set without one, stands for a video of its own when its
    name has no `_`, else for a frame of the video that its name gives before the last one. Up to the first `_` that is
    who is seen, and of a fake up to the next one whose face it was given: `id0_id1_0000_0012.jpg` is frame 12 of the
    video `id0_id1_0000`, of id0 with the face of id1. Names of other rules invent people: prepare such a set.

    Raises:
        ImageFolderError: the manifest is not one, names what does not exist, or a split that the file does not lie in.
    """
    path = data / MANIFEST_FILE
    named = _by_names(data)
    if not path.is_file():
        return named
    written = {entry.file: entry for entry in _written(data, path)}
    others = [entry for entry in named if entry.file not in written]
    return sorted([*written.values(), *others], key=lambda entry: entry.file)


def images_digest(data: Path, entries: Iterable[ManifestEntry]) -> str:
    """A hash of which images a set has, where, and how long their files are."""
    lines = sorted(
        f"{entry.split} {entry.label} {entry.file} {(data / entry.file).stat().st_size}" for entry in entries
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _written(data: Path, path: Path) -> list[ManifestEntry]:
    """What the manifest says."""
    with path.open(newline="", encoding="utf-8") as stream:
        rows = csv.DictReader(stream)
        wanted = {field.name for field in dataclasses.fields(ManifestEntry)}
        if set(rows.fieldnames or ()) != wanted:
            raise ImageFolderError(
                f"{path} has the columns {rows.fieldnames}, and those of a manifest are {sorted(wanted)}. "
                "Make it again with `python -m ace_training prepare`."
            )
        return [_entry(data, path, rows.line_num, row) for row in rows]


def _entry(data: Path, path: Path, line: int, row: dict[str, str]) -> ManifestEntry:
    entry = ManifestEntry(**{**row, "frame": int(row["frame"]) if row["frame"].isdecimal() else -1})  # type: ignore[arg-type]
    if entry.split not in SPLITS or entry.label not in CLASS_NAMES or entry.frame < 0:
        raise ImageFolderError(
            f"{path}:{line}: split is one of {', '.join(SPLITS)}, label one of {', '.join(CLASS_NAMES)}, "
            f"frame a number from 0 up; met {entry.split!r}, {entry.label!r}, {row['frame']!r}."
        )
    folder = entry.file.split("/")[0]
    if folder in SPLITS and not entry.file.startswith(f"{entry.split}/{entry.label}/"):
        raise ImageFolderError(
            f"{path}:{line}: {entry.file} is said to be of {entry.split}/{entry.label}, and training goes by the "
            "folder. Move the file or change the line."
        )
    if not (data / entry.file).is_file():
        raise ImageFolderError(f"{path}:{line}: {data / entry.file} does not exist. Put it back, or remove the line.")
    return entry


def _by_names(data: Path) -> list[ManifestEntry]:
    return [
        _named(path.relative_to(data).as_posix(), split, label, path.stem)
        for split in SPLITS
        for label in CLASS_NAMES
        for path in sorted((data / split / label).rglob("*"))
        if path.suffix.lower() in IMAGE_SUFFIXES
    ]


def _named(file: str, split: str, label: str, stem: str) -> ManifestEntry:
    video, _, frame = stem.rpartition("_")
    if not video or not frame.isdecimal():
        video, frame = stem, "0"
    real = label == CLASS_NAMES[0]
    identity, donor, *_ = [*video.split("_"), ""]
    return ManifestEntry(
        file=file,
        split=split,
        label=label,
        video=f"{label}/{video}",
        identity=identity,
        donor="" if real else donor,
        manipulation="" if real else "unknown",
        frame=int(frame),
    )
