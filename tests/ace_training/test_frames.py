from pathlib import Path

import cv2
import numpy as np
import pytest

from ace_training.frames import UnreadableVideoError, read_frames, spaced
from ace_training.sources import Source


def source(*files: Path, numbers: tuple[int, ...] = ()) -> Source:
    return Source(label="real", name="x", files=files, numbers=numbers, identity="x")


@pytest.fixture(scope="module")
def counting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of 20 frames, each 10 levels lighter than the one before."""
    path = tmp_path_factory.mktemp("counting") / "counting.mkv"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (64, 48))
    for level in range(20):
        writer.write(np.full((48, 64, 3), 10 * level, np.uint8))
    writer.release()
    return path


@pytest.mark.parametrize(
    ("total", "count", "expected"),
    [(20, 4, [2, 7, 12, 17]), (3, 8, [0, 1, 2]), (10, 1, [5]), (300, 3, [50, 150, 250])],
)
def test_frames_are_spaced_evenly(total, count, expected):
    assert spaced(total, count) == expected


def test_a_frames_number_is_where_it_is_in_the_video(counting):
    frames = read_frames(source(counting), 4)

    assert [number for number, _ in frames] == [2, 7, 12, 17]
    assert [round(frame.mean() / 10) for _, frame in frames] == [2, 7, 12, 17]


def test_a_video_that_is_cut_off_says_where(counting, tmp_path):
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(counting.read_bytes()[: counting.stat().st_size // 2])

    with pytest.raises(UnreadableVideoError, match=r"it ends after \d+ of \d+ frames"):
        read_frames(source(cut), 4)


def test_an_mp4_that_is_cut_off_is_none(videos, tmp_path):
    whole = next(videos.rglob("*.mp4")).read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 2])

    with pytest.raises(UnreadableVideoError, match="no video, or is cut off"):
        read_frames(source(tmp_path / "cut.mp4"), 4)


def test_an_empty_file_is_named_so(tmp_path):
    (tmp_path / "empty.mp4").touch()

    with pytest.raises(UnreadableVideoError, match="the file is empty"):
        read_frames(source(tmp_path / "empty.mp4"), 4)


def test_images_keep_their_own_numbers(tmp_path):
    files = [tmp_path / f"{number}.png" for number in (3, 8, 9)]
    for file in files:
        cv2.imwrite(str(file), np.zeros((8, 8, 3), np.uint8))

    assert [number for number, _ in read_frames(source(*files, numbers=(3, 8, 9)), 2)] == [3, 9]


def test_an_image_that_is_none_is_named(tmp_path):
    (tmp_path / "bad.jpg").write_text("no image")

    with pytest.raises(UnreadableVideoError, match=r"bad.jpg is no image"):
        read_frames(source(tmp_path / "bad.jpg", numbers=(0,)), 2)
