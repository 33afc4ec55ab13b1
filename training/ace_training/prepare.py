"""Videos → crops of the face of one person each, in the layout that training reads, with a manifest.

    OUT/{train,val,test}/{real,fake}/<video>_<frame>.jpg      the crops: `test/fake/Deepfakes/033_097_0012.jpg`
    OUT/manifest.csv, OUT/skipped.csv                         what each is; the videos left out, and why
    OUT/prepare.json, OUT/prepare.png                         how it was made, and 8 × 8 crops to look at
    OUT/.prepare/                                             what is done already, until all of it is

Killed at any moment and run again it goes on after the videos that were done, and what comes out is the same.
"""

import csv
import dataclasses
import functools
import hashlib
import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
from tqdm import tqdm

from .contact_sheet import write_contact_sheet
from .errors import OutputError, SourceError
from .face_detector import Box, FaceDetector, cut_face, follow, open_detector
from .frames import UnreadableVideoError, read_frames
from .image_files import CLASS_NAMES, SPLITS
from .manifest import ManifestEntry, write_manifest
from .sources import Source
from .whole_file import whole_file
from .workers import spread

JPEG_QUALITY: Final = 95
DONE_FILE: Final = "prepare.json"
SKIPPED_FILE: Final = "skipped.csv"
_RECORDS: Final = ".prepare"
_PLAN_FILE: Final = "plan.json"


@dataclass(frozen=True, kw_only=True)
class CropSettings:
    """How faces are cut from a video.

    Raises:
        SourceError: there are to be no frames, or crops smaller than the face.
    """

    frames: int = 16  # of each video at most, evenly spaced
    margin: float = 1.3  # a crop's side by the longer side of the face
    whole: bool = False  # frames are taken as they are, being faces already
    detector_weights: Path | None = None  # of YuNet; None for OpenCV's cascade

    def __post_init__(self) -> None:
        if self.frames < 1 or not 1 <= self.margin <= 4:
            raise SourceError(
                f"{self.frames} frames with a margin of {self.margin} cannot be cut: pass --frames from 1 up and "
                "--margin from 1 to 4."
            )


@dataclass(frozen=True)
class _Task:
    number: int  # among the videos of the set
    source: Source
    split: str
    settings: CropSettings


@dataclass(frozen=True)
class _Cut:
    """What became of a video."""

    number: int
    reason: str  # why it is left out; empty where it is not
    crops: tuple[tuple[ManifestEntry, bytes], ...] = ()


def prepare(
    out: Path, sources: list[Source], split_of: dict[str, str], settings: CropSettings, *, processes: int | None = None
) -> Path:
    """Cuts the faces of all videos into the folder, with a progress bar, and returns it. Goes on where it was killed.

    Raises:
        FaceDetectorError: the detector's weights are none.
        OutputError: the folder holds something else, or was begun with other settings or videos, or cannot be written.
        SourceError: in some split all videos of a class had to be left out.
    """
    open_detector(settings.detector_weights)
    plan = _plan(sources, split_of, settings)
    try:
        if not _begun(out, plan):
            return out
        _cut_all(out, [_Task(at, one, split_of[one.video], settings) for at, one in enumerate(sources)], processes)
        _finish(out, sources, plan)
    except OSError as error:
        raise OutputError(
            f"{out} cannot be written: {error.strerror}. Put that right and run the same command again: it goes on."
        ) from error
    return out


def _plan(sources: list[Source], split_of: dict[str, str], settings: CropSettings) -> dict[str, Any]:
    """What the result depends on, for another run to be held against."""
    weights = settings.detector_weights
    videos = [
        [source.video, split_of[source.video], source.identity, source.donor]
        + [file.stat().st_size for file in source.files]
        for source in sources
    ]
    return {
        "frames": settings.frames,
        "margin": settings.margin,
        "whole": settings.whole,
        "detector": hashlib.sha256(weights.read_bytes()).hexdigest() if weights else "OpenCV's cascade",
        "jpeg_quality": JPEG_QUALITY,
        "videos": len(sources),
        "videos_sha256": hashlib.sha256(json.dumps(videos).encode()).hexdigest(),
    }


def _begun(out: Path, plan: dict[str, Any]) -> bool:
    """Makes the folder ready; False where all of it is done already.

    Raises:
        OutputError: it holds something else.
    """
    done, begun = out / DONE_FILE, out / _RECORDS / _PLAN_FILE
    for path in (done, begun):
        if path.is_file():
            before = json.loads(path.read_text(encoding="utf-8"))["plan"]
            differing = [name for name in plan if before.get(name) != plan[name]]
            if differing:
                raise OutputError(
                    f"{out} was prepared with other {', '.join(differing)}: {before.get(differing[0])} instead of "
                    f"{plan[differing[0]]}. Name another folder, or remove this one."
                )
            if path == done:
                shutil.rmtree(out / _RECORDS, ignore_errors=True)
            return path == begun
    if out.exists() and (not out.is_dir() or any(path.name != _RECORDS for path in out.iterdir())):
        raise OutputError(f"{out} is already in use, and a set is prepared in a folder of its own. Name another one.")
    begun.parent.mkdir(parents=True, exist_ok=True)
    _write_json(begun, {"plan": plan})
    return True


def _write_json(path: Path, content: dict[str, Any]) -> None:
    with whole_file(path) as stream:
        stream.write((json.dumps(content, indent=2) + "\n").encode())


def _cut_all(out: Path, tasks: list[_Task], processes: int | None) -> None:
    """Cuts what is not done yet; a video is done once its record is written, after its crops."""
    for folder in {(out / _crop_file(task, 0)).parent for task in tasks}:
        folder.mkdir(parents=True, exist_ok=True)
    waiting = [task for task in tasks if not _record(out, task.number).is_file()]
    bar = tqdm(total=len(tasks), initial=len(tasks) - len(waiting), desc="prepare", unit="video", mininterval=0.5)
    with bar, spread(_cut, waiting, processes=processes) as cuts:
        for cut in cuts:
            for entry, jpeg in cut.crops:
                (out / entry.file).write_bytes(jpeg)
            entries = [dataclasses.asdict(entry) for entry, _ in cut.crops]
            _write_json(_record(out, cut.number), {"reason": cut.reason, "entries": entries})
            bar.update()


def _record(out: Path, number: int) -> Path:
    return out / _RECORDS / f"{number:06d}.json"


def _crop_file(task: _Task, frame: int) -> str:
    return f"{task.split}/{task.source.video}_{frame:04d}.jpg"


def _cut(task: _Task) -> _Cut:
    """The video's crops, or why there are none."""
    try:
        frames = read_frames(task.source, task.settings.frames)
    except UnreadableVideoError as error:
        return _Cut(task.number, str(error))
    if task.settings.whole:
        boxes: list[Box | None] = [Box(0, 0, frame.shape[1], frame.shape[0]) for _, frame in frames]
    else:
        detector = _detector(task.settings.detector_weights)
        boxes = follow([detector.find(frame) for _, frame in frames])
    crops = []
    for (number, frame), box in zip(frames, boxes, strict=True):
        if box:
            crop = frame if task.settings.whole else cut_face(frame, box, task.settings.margin)
            _, jpeg = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
            crops.append((_entry(task, number, box), jpeg.tobytes()))
    return _Cut(task.number, "" if crops else f"no face found in {len(frames)} frames", tuple(crops))


@functools.cache
def _detector(weights: Path | None) -> FaceDetector:
    """This process's own."""
    return open_detector(weights)


def _entry(task: _Task, frame: int, box: Box) -> ManifestEntry:
    source = task.source
    return ManifestEntry(
        file=_crop_file(task, frame),
        split=task.split,
        label=source.label,
        video=source.video,
        identity=source.identity,
        donor=source.donor,
        manipulation=source.manipulation,
        compression=source.compression,
        frame=frame,
        box="" if task.settings.whole else " ".join(map(str, box)),
    )


def _finish(out: Path, sources: list[Source], plan: dict[str, Any]) -> None:
    """Writes what concerns the whole set, the mark that all is done last."""
    entries: list[ManifestEntry] = []
    skipped: list[tuple[str, str, str]] = []
    for number, source in enumerate(sources):
        record = json.loads(_record(out, number).read_text(encoding="utf-8"))
        entries += [ManifestEntry(**entry) for entry in record["entries"]]
        if record["reason"]:
            skipped.append((source.video, str(source.files[0]), record["reason"]))
    with (out / SKIPPED_FILE).open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, lineterminator="\n").writerows([("video", "file", "reason"), *skipped])
    _check_classes(out, entries)
    write_manifest(out, entries)
    write_contact_sheet(out, out / "prepare.png", seed=0)
    counts = {
        split: {label: sum((entry.split, entry.label) == (split, label) for entry in entries) for label in CLASS_NAMES}
        for split in SPLITS
    }
    done = {"plan": plan, "crops": counts, "skipped": len(skipped)}
    _write_json(out / DONE_FILE, done)
    shutil.rmtree(out / _RECORDS)
    for video, _, reason in skipped:
        print(f"left out {video}: {reason}", file=sys.stderr)
    print(
        f"{len(sources)} videos, {len(entries)} crops; {len(skipped)} videos left out, listed in {out / SKIPPED_FILE}",
        file=sys.stderr,
    )


def _check_classes(out: Path, entries: list[ManifestEntry]) -> None:
    for split in SPLITS:
        for label in CLASS_NAMES:
            if not any((entry.split, entry.label) == (split, label) for entry in entries):
                raise SourceError(
                    f"{split} has no {label} crops: every such video was left out, for the reasons in "
                    f"{out / SKIPPED_FILE}. Give it others, another detector (--detector-weights), or --whole."
                )
