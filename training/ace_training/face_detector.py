"""Where the faces of a frame are, which of them is the one to follow through a video, and the square about it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import cv2
import numpy as np

from .camera import Frame
from .errors import FaceDetectorError

_LOOK_PX: Final = 640  # of a frame's longer side, while faces are looked for
_SMALLEST_SHARE: Final = 0.12  # of a frame's shorter side: a cascade takes smaller things for faces too readily
_CASCADE: Final = "haarcascade_frontalface_alt2.xml"
_STEP: Final = 1.1  # from one size of face that is looked for to the next
_NEIGHBOURS: Final = 3  # windows about a face that must agree
_LIMIT, _TILES = 2.0, (4, 4)  # of the contrast that is evened out: whole frames evened out lose dark faces
_SURE: Final = 0.7  # YuNet's score from which on it is a face
_SAME: Final = 0.2  # overlap over union from which on two boxes in a video are one person's


class Box(NamedTuple):
    """A rectangle in a frame, in pixels."""

    left: int
    top: int
    width: int
    height: int

    @property
    def area(self) -> int:
        """In pixels."""
        return self.width * self.height

    def overlap(self, other: "Box") -> float:
        """Their intersection's share of their union, in [0, 1]."""
        width = min(self.left + self.width, other.left + other.width) - max(self.left, other.left)
        height = min(self.top + self.height, other.top + other.height) - max(self.top, other.top)
        common = max(0, width) * max(0, height)
        return common / (self.area + other.area - common)


class FaceDetector(Protocol):
    """Finds faces in a frame."""

    def find(self, frame: Frame) -> list[Box]:
        """Every face in uint8[height, width, 3], BGR."""
        ...


def open_detector(weights: Path | None) -> FaceDetector:
    """OpenCV's frontal cascade, which comes with it, or YuNet where its weights (an ONNX file) are given.

    Raises:
        FaceDetectorError: the file does not exist, or is no YuNet.
    """
    return _YuNet(weights) if weights else _Cascade()


class _Cascade:
    """Viola and Jones's, on frontal faces."""

    def __init__(self) -> None:
        self._cascade = cv2.CascadeClassifier(str(Path(cv2.__file__).parent / "data" / _CASCADE))
        self._even = cv2.createCLAHE(_LIMIT, _TILES)

    def find(self, frame: Frame) -> list[Box]:
        small, scale = _for_looking(frame)
        grey = self._even.apply(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY))
        least = round(_SMALLEST_SHARE * min(grey.shape))
        found = self._cascade.detectMultiScale(grey, _STEP, _NEIGHBOURS, minSize=(least, least))
        return [_box(corners, scale) for corners in found]


class _YuNet:
    """The network of OpenCV's model zoo (Wu and others, "YuNet: A Tiny Millisecond-level Face Detector", 2023)."""

    def __init__(self, weights: Path) -> None:
        if not weights.is_file():
            raise FaceDetectorError(f"{weights} is no file. Pass --detector-weights with YuNet's ONNX file.")
        try:
            self._network = cv2.FaceDetectorYN.create(str(weights), "", (320, 320), _SURE)
            self.find(np.zeros((320, 320, 3), np.uint8))
        except cv2.error as error:
            raise FaceDetectorError(
                f"{weights} is no face detector that OpenCV reads. Pass --detector-weights with YuNet's ONNX file, "
                "face_detection_yunet_2023mar.onnx of OpenCV's model zoo, or leave it out for the cascade."
            ) from error

    def find(self, frame: Frame) -> list[Box]:
        small, scale = _for_looking(frame)
        self._network.setInputSize(small.shape[1::-1])
        _, found = self._network.detect(small)
        return [] if found is None else [_box(row[:4], scale) for row in found if min(row[2:4]) >= 1]


def _for_looking(frame: Frame) -> tuple[Frame, float]:
    """The frame no larger than faces are looked for in, and how many of its pixels one of those is."""
    scale = max(1.0, max(frame.shape) / _LOOK_PX)
    if scale == 1:
        return frame, scale
    size = (round(frame.shape[1] / scale), round(frame.shape[0] / scale))
    return cv2.resize(frame, size, interpolation=cv2.INTER_AREA), scale


def _box(corners: Any, scale: float) -> Box:
    return Box(*(round(float(number) * scale) for number in corners))


def follow(found: Sequence[list[Box]]) -> list[Box | None]:
    """Of the faces found in each frame that of one person, None where they are not seen.

    Boxes that overlap from frame to frame are one person's; the person is the one who takes up most of all the frames.
    """
    people: list[dict[int, Box]] = []  # frame → box
    for at, boxes in enumerate(found):
        for box in sorted(boxes, key=lambda box: (-box.area, box)):
            waiting = [person for person in people if at not in person]
            nearest = max(waiting, key=lambda person: _last(person).overlap(box), default=None)
            if nearest is None or _last(nearest).overlap(box) < _SAME:
                people.append({at: box})
            else:
                nearest[at] = box
    most = max(people, key=lambda person: sum(box.area for box in person.values()), default={})
    return [most.get(at) for at in range(len(found))]


def _last(person: dict[int, Box]) -> Box:
    return person[max(person)]


def cut_face(frame: Frame, box: Box, margin: float) -> Frame:
    """The square about the face, `margin` times as wide, moved or made smaller where it would leave the frame."""
    height, width = frame.shape[:2]
    side = min(round(margin * max(box.width, box.height)), width, height)
    left = min(max(round(box.left + box.width / 2 - side / 2), 0), width - side)
    top = min(max(round(box.top + box.height / 2 - side / 2), 0), height - side)
    return frame[top : top + side, left : left + side]
