"""The videos that a set is prepared from, and who is in each: a FaceForensics++ tree, or two folders."""

import csv
import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ace_client.contract import FAKE, IMAGE_SUFFIXES, REAL

from .errors import SourceError
from .image_files import CLASS_NAMES

COMPRESSIONS: Final = ("raw", "c23", "c40")
MANIPULATIONS: Final = ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures", "FaceShifter")
VIDEO_SUFFIXES: Final = frozenset({".avi", ".m4v", ".mkv", ".mov", ".mp4", ".webm"})
_RULE_FIELDS: Final = frozenset({"identity", "donor", "video", "frame"})


@dataclass(frozen=True, kw_only=True)
class Source:
    """One video: a file, or the images that are its frames."""

    label: str
    name: str  # below its class, unique there: `Deepfakes/033_097`
    files: tuple[Path, ...]  # one video, or images in the order of their numbers
    numbers: tuple[int, ...] = ()  # of the images in their video; none for a video
    identity: str  # who is seen
    donor: str = ""  # whose face a fake was given
    manipulation: str = ""
    compression: str = ""

    @property
    def video(self) -> str:
        """Its name in the whole set."""
        return f"{self.label}/{self.name}"

    @property
    def people(self) -> frozenset[str]:
        """Everyone whose face is in it."""
        return frozenset({self.identity, self.donor} - {""})


def is_tree(folder: Path) -> bool:
    """Whether this is laid out as FaceForensics++ is."""
    return any((folder / name).is_dir() for name in ("original_sequences", "manipulated_sequences"))


def find_in_tree(folder: Path, compression: str) -> list[Source]:
    """The videos of a FaceForensics++ tree, by name: YouTube's originals, and what was made of them.

    Raises:
        SourceError: there are none of one class in that compression, or one is named otherwise.
    """
    places = {"original_sequences/youtube": ""} | {f"manipulated_sequences/{name}": name for name in MANIPULATIONS}
    found = [
        _in_tree(file, manipulation, compression)
        for place, manipulation in places.items()
        for file in sorted((folder / place / compression / "videos").glob("*.mp4"))
    ]
    for label in CLASS_NAMES:
        if not any(source.label == label for source in found):
            there = [name for name in COMPRESSIONS if any(folder.glob(f"*/*/{name}/videos/*.mp4"))]
            raise SourceError(
                f"{folder} has no {label} videos in {compression}; it has some in {', '.join(there) or 'nothing'}. "
                "Pass --compression, or fetch what is missing."
            )
    return found


def _in_tree(file: Path, manipulation: str, compression: str) -> Source:
    named = re.fullmatch(r"(\d+)_(\d+)" if manipulation else r"(\d+)", file.stem)
    if not named:
        raise SourceError(
            f"{file} is named as no video of FaceForensics++ is, which has its name of who is in it: "
            f"{'033_097.mp4' if manipulation else '033.mp4'}. Rename it or take it out of the tree."
        )
    return Source(
        label=FAKE if manipulation else REAL,
        name=f"{manipulation or 'youtube'}/{file.stem}",
        files=(file,),
        identity=named[1],
        donor=named[2] if manipulation else "",
        manipulation=manipulation,
        compression=compression,
    )


def find_in_folders(real: Path, fake: Path, people: str | None) -> list[Source]:
    """The videos, or images, at any depth below two folders.

    Who is in each is said by `people`: a CSV file with the columns file, identity and, where known, donor, video and
    frame, or a regular expression with such groups, searched in `real/<path below its folder>`. Without it each video
    is of a person of its own, but a fake `<one>_<other>` of the real videos `<one>` and `<other>` has their people, as
    `033_097` of FaceForensics++; images named `<video>_<frame>` are the frames of one.

    Raises:
        SourceError: a folder is missing or empty, two files have one name, or the rule does not fit.
    """
    rule = _rule(people)
    videos: dict[tuple[str, str], list[tuple[int | None, Path, dict[str, str]]]] = {}
    for label, folder in ((REAL, real), (FAKE, fake)):
        for file in _files(folder, label):
            key = f"{label}/{file.relative_to(folder).as_posix()}"
            fields = rule(key)
            name, number = _place(file.relative_to(folder).with_suffix("").as_posix(), file, fields)
            videos.setdefault((label, name), []).append((number, file, fields))
    real_names = {name for label, name in videos if label == REAL}
    return [
        _of_files(label, name, files, _people(name, real_names) if label == FAKE and not people else (name, ""))
        for (label, name), files in videos.items()
    ]


def _people(fake: str, real: Collection[str]) -> tuple[str, str]:
    """Whose names, of the real ones, those of a fake are; its own name and nobody where they are not."""
    name = fake.rpartition("/")[2]
    for met in re.finditer("_", name):
        if (identity := name[: met.start()]) in real and (donor := name[met.end() :]) in real:
            return identity, donor
    return fake, ""


def _files(folder: Path, label: str) -> list[Path]:
    suffixes = VIDEO_SUFFIXES | IMAGE_SUFFIXES
    found = sorted(file for file in folder.rglob("*") if file.suffix.lower() in suffixes and file.is_file())
    if not found:
        raise SourceError(
            f"{folder} {'holds no videos or images' if folder.is_dir() else 'is not a folder'}, and a set needs "
            f"{label} ones. Pass a FaceForensics++ tree, a folder that has real/ and fake/, or --real and --fake."
        )
    return found


def _place(path: str, file: Path, fields: dict[str, str]) -> tuple[str, int | None]:
    """The video's name and, of an image, its number there."""
    if file.suffix.lower() in VIDEO_SUFFIXES:
        return path, None
    named = re.fullmatch(r"(.*[^_/])_+(\d+)", path)
    video, frame = (named[1], named[2]) if named else (path, "0")
    frame = fields.get("frame") or frame
    if not frame.isdecimal():
        raise SourceError(f"{file} cannot be frame {frame!r} of a video: let the rule of --people find a number.")
    return fields.get("video") or video, int(frame)


def _of_files(
    label: str, name: str, files: list[tuple[int | None, Path, dict[str, str]]], unsaid: tuple[str, str]
) -> Source:
    """The video of these files; `unsaid` are identity and donor where no rule says them."""
    files = sorted(files, key=lambda one: (one[0] or 0, one[1]))
    numbers = tuple(number for number, _, _ in files if number is not None)
    if len(set(numbers)) < len(files) and len(files) > 1:
        raise SourceError(
            f"{files[0][1]} and {files[1][1]} would both be {label}/{name}: rename one, or let --people tell them "
            "apart by video and frame."
        )
    who = {(fields.get("identity") or unsaid[0], fields.get("donor", unsaid[1])) for _, _, fields in files}
    if len(who) > 1:
        raise SourceError(f"The frames of {label}/{name} are of several people by the rule of --people: {sorted(who)}.")
    ((identity, donor),) = who
    return Source(
        label=label,
        name=name,
        files=tuple(file for _, file, _ in files),
        numbers=numbers,
        identity=identity,
        donor=donor if label == FAKE else "",
        manipulation="" if label == REAL else "unknown",
    )


def _rule(people: str | None) -> Callable[[str], dict[str, str]]:
    """What is said of a file, by `real/<path below its folder>`."""
    if people is None:
        return lambda _: {}
    if people.lower().endswith(".csv"):
        return _by_table(Path(people))
    try:
        pattern = re.compile(people)
    except re.error as error:
        raise SourceError(f"--people {people!r} is no regular expression: {error}.") from error
    _check_fields(pattern.groupindex, f"The expression --people {people!r} has the groups")

    def by_pattern(key: str) -> dict[str, str]:
        met = pattern.search(key)
        if not met:
            raise SourceError(f"--people {people!r} does not match {key}. Let it say who is in every file.")
        return {name: text or "" for name, text in met.groupdict().items()}

    return by_pattern


def _by_table(path: Path) -> Callable[[str], dict[str, str]]:
    if not path.is_file():
        raise SourceError(f"--people {path} does not exist. Pass a CSV file, or a regular expression.")
    with path.open(newline="", encoding="utf-8") as stream:
        reader = csv.DictReader(stream, restval="")
        columns = list(reader.fieldnames or ())
        if "file" not in columns:
            raise SourceError(f"{path} has no column `file`, of names like real/033.mp4, but {', '.join(columns)}.")
        _check_fields([name for name in columns if name != "file"], f"{path} has the columns file and")
        rows = {row["file"]: row for row in reader}

    def by_row(key: str) -> dict[str, str]:
        if key not in rows:
            raise SourceError(f"{path} has no line whose file is {key}. Let it say who is in every file.")
        return rows[key]

    return by_row


def _check_fields(names: Iterable[str], met: str) -> None:
    if "identity" not in names or not _RULE_FIELDS.issuperset(names):
        raise SourceError(f"{met} {', '.join(names) or 'none'}. It needs identity, and may have donor, video, frame.")
