"""A set of drawn videos, laid out as FaceForensics++ is: half a second or more of people who move and speak.

    DIR/original_sequences/youtube/c23/videos/007.mp4               person 7
    DIR/manipulated_sequences/Deepfakes/c23/videos/007_012.mp4      with the face of person 12
    DIR/manipulated_sequences/Face2Face/c23/videos/007_012.mp4      with their own, which moves as person 12's does
    DIR/splits/{train,val,test}.json                                [["007", "012"], ...]: who is paired, split by split
    DIR/videos.png                                                  a frame of each of some of them

The same seed draws the same set, whatever the number of processes.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from tqdm import tqdm

from .camera import Frame, expose, passed_on
from .clip import FRAMES_PER_SECOND, draw_clip, with_expression
from .drawing import Identity, Points, Shot, draw_face, draw_identity
from .errors import FaceSetError
from .image_files import SPLITS
from .new_folder import appearing_whole
from .swap import swapped
from .workers import spread

FRAME_PX: Final = 384  # wide and high
REAL_VIDEOS: Final = "original_sequences/youtube/c23/videos"
DEEPFAKES: Final = "manipulated_sequences/Deepfakes/c23/videos"
FACE2FACE: Final = "manipulated_sequences/Face2Face/c23/videos"
_CODEC: Final = "mp4v"  # what OpenCV writes and reads everywhere
_AROUND: Final = 2.2  # a single picture's side by the height of the face in it
_STRENGTH: Final = 0.5  # of the swaps: a video shows its seam in every frame
_SHOWN: Final = 8  # people on the picture
_TILE_PX: Final = 192

# What a random stream is for: its second seed.
_IDENTITY, _CLIP, _SENSOR, _SEAM, _WEAR = range(5)


@dataclass(frozen=True, kw_only=True)
class VideoSetPlan:
    """How many people of each split to draw, a real video and two fakes of each.

    Raises:
        FaceSetError: a count is not an even number of at least 2, or there are no frames.
    """

    train: int
    val: int
    test: int
    frames: int  # a video
    seed: int

    def __post_init__(self) -> None:
        for split in SPLITS:
            count = getattr(self, split)
            if count < 2 or count % 2:
                raise FaceSetError(
                    f"The {split} split cannot have {count} people, who lend each other their faces in pairs: "
                    f"pass --{split} with an even number from 2 up."
                )
        if self.frames < 1:
            raise FaceSetError(f"A video cannot have {self.frames} frames: pass --frames with 1 or more.")


@dataclass(frozen=True)
class _Task:
    """The videos of one person."""

    folder: Path
    person: int
    frames: int
    seed: int

    @property
    def partner(self) -> int:
        return self.person ^ 1


def write_video_set(folder: Path, plan: VideoSetPlan, *, processes: int | None = None) -> Path:
    """Draws the set into the folder, which appears whole or not at all, and returns it.

    Raises:
        FaceSetError: the folder exists and is not empty, or cannot be written.
    """
    people = sum(getattr(plan, split) for split in SPLITS)
    with appearing_whole(folder) as partial:
        for videos in (REAL_VIDEOS, DEEPFAKES, FACE2FACE, "splits"):
            (partial / videos).mkdir(parents=True)
        tasks = [_Task(partial, person, plan.frames, plan.seed) for person in range(people)]
        with spread(_draw_person, tasks, processes=processes) as drawn:
            shown = dict(tqdm(drawn, total=people, desc="videos", unit="person", mininterval=0.5))
        cv2.imwrite(str(partial / "videos.png"), np.hstack([shown[person] for person in range(min(people, _SHOWN))]))
        _write_splits(partial / "splits", plan)
    return folder


def _write_splits(folder: Path, plan: VideoSetPlan) -> None:
    first = 0
    for split in SPLITS:
        count = getattr(plan, split)
        pairs = [[_name(person), _name(person + 1)] for person in range(first, first + count, 2)]
        (folder / f"{split}.json").write_text(json.dumps(pairs, indent=2) + "\n")
        first += count


def _draw_person(task: _Task) -> tuple[int, Frame]:
    """Writes the person's videos and returns their number, and a frame of each, one below the other, in BGR."""
    pair = f"{_name(task.person)}_{_name(task.partner)}.mp4"
    paths = [f"{REAL_VIDEOS}/{_name(task.person)}.mp4", f"{DEEPFAKES}/{pair}", f"{FACE2FACE}/{pair}"]
    writers = [_writer(task.folder / path) for path in paths]
    middle: list[Frame] = []
    for at, frames in enumerate(_moments(task)):
        for number, (writer, frame) in enumerate(zip(writers, frames, strict=True)):
            # Begun anew with each frame, so that a video is worn alike all through.
            frames[number] = passed_on(frame, np.random.default_rng([task.seed, _WEAR, task.person, number]))
            writer.write(cv2.cvtColor(frames[number], cv2.COLOR_RGB2BGR))
        if at == task.frames // 2:
            middle = [cv2.resize(frame[..., ::-1], (_TILE_PX, _TILE_PX)) for frame in frames]
    for writer in writers:
        writer.release()
    return task.person, np.vstack(middle)


def _moments(task: _Task) -> Iterator[list[Frame]]:
    """One moment after the other: the person, with their partner's face, with their partner's expression."""
    own, partner = _identity(task.seed, task.person), _identity(task.seed, task.partner)
    shots, driving = (_clip(task, person) for person in (task.person, task.partner))
    for at, (shot, driver) in enumerate(zip(shots, driving, strict=True)):
        rng = np.random.default_rng([task.seed, _SENSOR, task.person, at])
        face = draw_face(own, shot, size_px=FRAME_PX)
        real = expose(face.image, rng)
        frames = [real]
        for number, (who, how) in enumerate([(partner, shot), (own, with_expression(shot, driver))]):
            donor = expose(draw_face(who, how, size_px=FRAME_PX).image, rng)
            seam = np.random.default_rng([task.seed, _SEAM, task.person, number])  # the same all through, likewise
            frames.append(_swapped(real, donor, face.landmarks, seam))
        yield frames


def _swapped(real: Frame, donor: Frame, landmarks: Points, rng: np.random.Generator) -> Frame:
    """The frame with the donor's face, put in where the face is as large as in a single drawn picture."""
    side = min(FRAME_PX, round(_AROUND * float(np.ptp(landmarks[:, 1]))))
    corner = (landmarks.mean(0) - side / 2).round().astype(int).clip(0, FRAME_PX - side)
    rows, columns = (slice(corner[axis], corner[axis] + side) for axis in (1, 0))
    fake: Frame = real.copy()
    inside = (landmarks - corner).astype(np.float32)
    fake[rows, columns] = swapped(real[rows, columns], donor[rows, columns], inside, rng, strength=_STRENGTH)
    return fake


def _clip(task: _Task, person: int) -> list[Shot]:
    return draw_clip(np.random.default_rng([task.seed, _CLIP, person]), task.frames)


def _identity(seed: int, person: int) -> Identity:
    return draw_identity(np.random.default_rng([seed, _IDENTITY, person]))


def _name(person: int) -> str:
    return f"{person:03d}"


def _writer(path: Path) -> "cv2.VideoWriter":
    writer = cv2.VideoWriter(
        str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*_CODEC), FRAMES_PER_SECOND, (FRAME_PX, FRAME_PX)
    )
    if not writer.isOpened():
        raise FaceSetError(f"{path} cannot be written as a video: this OpenCV has no encoder for {_CODEC}.")
    return writer
