import dataclasses

import cv2
import numpy as np
import pytest

from ace_training.drawing import PICTURE_PX, Face, Identity, Shot, draw_face, draw_identity, draw_shot


@pytest.fixture(params=range(4))
def identity(request) -> Identity:
    return draw_identity(np.random.default_rng(request.param))


@pytest.fixture
def shot() -> Shot:
    shot = draw_shot(np.random.default_rng(11))
    return dataclasses.replace(shot, yaw=0.0, pitch=0.0, roll_deg=0.0, offset_x=0.0, light_x=0.0)


def pixel(face: Face, x: float, y: float) -> np.ndarray:
    return face.image[round(y), round(x)]


def nose(face: Face) -> tuple[float, float]:
    """The middle between the brows and the chin."""
    return face.landmarks[:, 0].mean(), (face.landmarks[:, 1].min() + face.landmarks[:, 1].max()) / 2


def test_a_picture_is_rgb_in_0_to_1(identity, shot):
    image = draw_face(identity, shot).image

    assert image.shape == (PICTURE_PX, PICTURE_PX, 3)
    assert image.dtype == np.float32
    assert 0 <= image.min() < image.max() <= 1


def test_the_same_person_and_shot_give_the_same_picture(identity, shot):
    assert np.array_equal(draw_face(identity, shot).image, draw_face(identity, shot).image)


def test_two_people_in_one_shot_differ_but_for_the_background(shot):
    one, other = (draw_face(draw_identity(np.random.default_rng(seed)), shot) for seed in (1, 2))

    assert np.array_equal(one.image[:4], other.image[:4])
    assert np.abs(one.image - other.image).mean() > 0.02


def test_the_landmarks_hull_lies_in_the_picture_around_skin(identity, shot):
    face = draw_face(identity, shot)

    assert 0 < face.landmarks.min() < face.landmarks.max() < PICTURE_PX
    red, _, blue = pixel(face, *nose(face))
    assert red > blue


def test_the_landmarks_turn_with_the_head(identity, shot):
    left, right = (draw_face(identity, dataclasses.replace(shot, yaw=yaw)).landmarks for yaw in (-0.8, 0.8))

    assert right[:, 0].mean() > left[:, 0].mean() + 5


def test_light_from_one_side_brightens_that_side(identity, shot):
    face = draw_face(identity, dataclasses.replace(shot, light_x=-1.0, ambient=0.35))
    x, y = nose(face)
    width = np.ptp(face.landmarks[:, 0])

    assert pixel(face, x - 0.3 * width, y).sum() > pixel(face, x + 0.3 * width, y).sum()


def test_an_open_mouth_changes_the_mouth_and_not_the_background(identity, shot):
    closed, opened = (draw_face(identity, dataclasses.replace(shot, mouth_open=mouth)).image for mouth in (0.0, 0.8))

    changed = cv2.cvtColor(np.abs(closed - opened), cv2.COLOR_RGB2GRAY) > 0.05
    rows = np.flatnonzero(changed.any(1))
    assert changed.sum() > 100
    assert rows.min() > PICTURE_PX / 3
