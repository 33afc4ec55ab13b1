import numpy as np
import pytest

from ace_training.camera import expose
from ace_training.drawing import draw_face, draw_identity, draw_shot
from ace_training.swap import face_mask, matched, swapped


def draw(seed: int, shot_seed: int = 0):
    rng = np.random.default_rng(seed)
    face = draw_face(draw_identity(rng), draw_shot(np.random.default_rng(shot_seed)))
    return expose(face.image, rng), face.landmarks


def test_the_mask_covers_the_face_with_soft_edges_and_spares_the_picture_s():
    frame, landmarks = draw(1)
    mask = face_mask(landmarks, len(frame), np.random.default_rng(0))
    x, y = landmarks.mean(0).round().astype(int)

    assert mask[y, x] > 0.99
    assert np.any((mask > 0.2) & (mask < 0.8))
    assert max(mask[0].max(), mask[-1].max(), mask[:, 0].max(), mask[:, -1].max()) == 0


@pytest.mark.parametrize("seed", range(8))
def test_a_face_swapped_with_its_own_copy_differs_inside_and_nowhere_else(seed):
    frame, landmarks = draw(seed)
    mask = face_mask(landmarks, len(frame), np.random.default_rng(seed))

    fake = swapped(frame, frame, landmarks, np.random.default_rng(seed))

    difference = np.abs(fake.astype(int) - frame).max(-1)
    assert difference[mask == 0].max() <= 1
    assert difference[mask > 0.9].mean() > 4


def test_the_donors_colours_become_the_targets_before_they_are_altered():
    (target, landmarks), (donor, _) = draw(1), draw(2)
    mask = face_mask(landmarks, len(target), np.random.default_rng(0))
    inside = mask > 0.5

    like_target = matched(donor, target, mask)

    assert np.abs(like_target[inside].mean(0) - target[inside].mean(0)).max() < 3
    assert np.abs(donor[inside].mean(0) - target[inside].mean(0)).max() > 10
