import re

import cv2
import numpy as np
import pytest

from ace_training.errors import FaceDetectorError
from ace_training.face_detector import Box, cut_face, follow, open_detector


def test_the_cascade_finds_a_drawn_face_where_it_is(videos):
    _, frame = cv2.VideoCapture(str(videos / "original_sequences/youtube/c23/videos/000.mp4")).read()

    (box,) = open_detector(None).find(frame)
    (larger,) = open_detector(None).find(cv2.resize(frame, None, fx=3, fy=3))

    assert 0.2 < box.width / frame.shape[1] < 0.5
    assert Box(*(3 * number for number in box)).overlap(larger) > 0.7


def test_nothing_is_no_face():
    assert open_detector(None).find(np.full((200, 300, 3), 90, np.uint8)) == []


def test_weights_that_do_not_exist_are_named(tmp_path):
    with pytest.raises(FaceDetectorError, match=re.escape(f"{tmp_path}/none.onnx is no file. Pass --detector-weights")):
        open_detector(tmp_path / "none.onnx")


def test_weights_of_something_else_are_refused_with_what_to_pass(tmp_path):
    (tmp_path / "bad.onnx").write_bytes(b"not a network" * 100)

    with pytest.raises(
        FaceDetectorError, match=r"bad.onnx is no face detector that OpenCV reads.*face_detection_yunet"
    ):
        open_detector(tmp_path / "bad.onnx")


def test_overlap_is_the_intersections_share_of_the_union():
    assert Box(0, 0, 10, 10).overlap(Box(5, 0, 10, 10)) == pytest.approx(50 / 150)
    assert Box(0, 0, 10, 10).overlap(Box(10, 10, 5, 5)) == 0


LEFT, RIGHT = Box(0, 0, 50, 50), Box(100, 0, 40, 40)


def test_one_person_is_followed_even_where_another_is_larger_for_a_moment():
    nearer = Box(98, 0, 60, 60)

    assert follow([[LEFT, RIGHT], [nearer, LEFT], [RIGHT, LEFT]]) == [LEFT, LEFT, LEFT]


def test_a_large_mistake_in_one_frame_is_not_followed():
    mistake = Box(200, 200, 80, 80)

    assert follow([[mistake, LEFT], [LEFT], [LEFT]]) == [LEFT, LEFT, LEFT]


def test_where_the_person_is_not_seen_there_is_no_box():
    assert follow([[LEFT], [RIGHT], [], [LEFT]]) == [LEFT, None, None, LEFT]
    assert follow([[], []]) == [None, None]


def test_a_crop_is_the_square_about_the_face_with_its_margin():
    frame = np.arange(100 * 200, dtype=np.int32).reshape(100, 200, 1)

    crop = cut_face(frame, Box(50, 40, 20, 16), 1.5)

    assert crop.shape == (30, 30, 1)
    assert crop[0, 0, 0] == 33 * 200 + 45


@pytest.mark.parametrize("box", [Box(0, 0, 20, 20), Box(185, 85, 20, 20), Box(40, 10, 90, 90)])
def test_a_crop_stays_square_and_in_the_frame_at_its_edge(box):
    crop = cut_face(np.zeros((100, 200, 3), np.uint8), box, 1.3)

    assert crop.shape[0] == crop.shape[1] == min(100, round(1.3 * box.width))
