"""Frames of a video, evenly spaced over it, decoded one after the other so that their numbers are exact."""

from pathlib import Path

import cv2

from .camera import Frame
from .sources import Source


class UnreadableVideoError(Exception):
    """A video that cannot be decoded as far as is wanted; its text is the reason, for the list of those left out."""


def read_frames(source: Source, count: int) -> list[tuple[int, Frame]]:
    """At most so many frames with their numbers: uint8[height, width, 3], BGR.

    Raises:
        UnreadableVideoError: the video, or an image, is empty, damaged or cut off before the last of them.
    """
    if source.numbers:
        return [(source.numbers[at], _image(source.files[at])) for at in spaced(len(source.files), count)]
    return _video(source.files[0], count)


def spaced(total: int, count: int) -> list[int]:
    """The middle of each of `count` equal parts of `total` frames; all of them where there are no more."""
    count = min(total, count)
    return [(2 * part + 1) * total // (2 * count) for part in range(count)]


def _image(file: Path) -> Frame:
    frame: Frame | None = cv2.imread(str(file), cv2.IMREAD_COLOR)
    if frame is None:
        raise UnreadableVideoError(f"{file.name} is no image that can be read")
    return frame


def _video(file: Path, count: int) -> list[tuple[int, Frame]]:
    if not file.stat().st_size:
        raise UnreadableVideoError("the file is empty")
    total = _length(file)
    capture = cv2.VideoCapture(str(file), cv2.CAP_FFMPEG)
    frames: list[tuple[int, Frame]] = []
    at = -1
    for wanted in spaced(total, count):
        while at < wanted:
            if not capture.grab():
                raise UnreadableVideoError(f"it ends after {at + 1} of {total} frames")
            at += 1
        decoded, frame = capture.retrieve()
        if not decoded:
            raise UnreadableVideoError(f"its frame {at} of {total} cannot be decoded")
        frames.append((at, frame))
    capture.release()
    return frames


def _length(file: Path) -> int:
    """How many frames the video says it has; where it does not say, how many it has."""
    capture = cv2.VideoCapture(str(file), cv2.CAP_FFMPEG)
    if not capture.isOpened():
        raise UnreadableVideoError("it is no video, or is cut off")
    total = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    if total <= 0:
        total = 0
        while capture.grab():
            total += 1
    capture.release()
    if not total:
        raise UnreadableVideoError("it has no frames")
    return total
