import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from ace_training.errors import FaceSetError
from ace_training.video_set import FRAME_PX, VideoSetPlan, write_video_set


def frames_of(path: Path) -> np.ndarray:
    capture = cv2.VideoCapture(str(path))
    frames = []
    while (read := capture.read())[0]:
        frames.append(read[1])
    return np.stack(frames).astype(int)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_set_is_laid_out_as_faceforensics_is(videos):
    assert sorted(path.relative_to(videos).as_posix() for path in videos.rglob("*00[01]*.mp4")) == [
        "manipulated_sequences/Deepfakes/c23/videos/000_001.mp4",
        "manipulated_sequences/Deepfakes/c23/videos/001_000.mp4",
        "manipulated_sequences/Face2Face/c23/videos/000_001.mp4",
        "manipulated_sequences/Face2Face/c23/videos/001_000.mp4",
        "original_sequences/youtube/c23/videos/000.mp4",
        "original_sequences/youtube/c23/videos/001.mp4",
    ]
    assert len(list(videos.rglob("*.mp4"))) == 18
    assert json.loads((videos / "splits" / "val.json").read_text()) == [["002", "003"]]


def test_a_fake_is_the_real_video_but_for_the_face(videos):
    real = frames_of(videos / "original_sequences/youtube/c23/videos/000.mp4")
    fakes = [
        frames_of(videos / f"manipulated_sequences/{name}/c23/videos/000_001.mp4")
        for name in ("Deepfakes", "Face2Face")
    ]

    assert real.shape == (4, FRAME_PX, FRAME_PX, 3)
    for fake in fakes:
        off = np.abs(fake - real).mean((0, 3))  # [height, width]
        assert np.percentile(off, 50) < 6
        assert off.max() > 25
    assert np.abs(fakes[0] - fakes[1]).max() > 25


def test_the_face_moves(videos):
    real = frames_of(videos / "original_sequences/youtube/c23/videos/000.mp4")

    assert np.abs(real[3] - real[0]).max() > 40


def test_the_same_seed_draws_the_same_set_whatever_the_number_of_processes(tmp_path):
    plan = VideoSetPlan(train=2, val=2, test=2, frames=1, seed=5)

    one = write_video_set(tmp_path / "one", plan, processes=1)
    two = write_video_set(tmp_path / "two", plan, processes=2)

    assert contents(one) == contents(two)


@pytest.mark.parametrize("count", [0, 3])
def test_people_without_a_partner_are_refused(count):
    with pytest.raises(FaceSetError, match=f"The test split cannot have {count} people.* --test"):
        VideoSetPlan(train=2, val=2, test=count, frames=1, seed=0)


def test_a_video_has_frames():
    with pytest.raises(FaceSetError, match="--frames"):
        VideoSetPlan(train=2, val=2, test=2, frames=0, seed=0)


def test_a_folder_in_use_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")

    with pytest.raises(FaceSetError, match=re.escape(f"{tmp_path} is already in use")):
        write_video_set(tmp_path, VideoSetPlan(train=2, val=2, test=2, frames=1, seed=0))

    assert contents(tmp_path) == {"mine.txt": b"mine"}
