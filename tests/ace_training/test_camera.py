import cv2
import numpy as np
import pytest

from ace_training.camera import expose, publish

GREY = np.full((320, 320, 3), 0.5, np.float32)


def decoded(jpeg: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR_RGB)


def test_exposure_adds_noise_and_keeps_the_brightness():
    frame = expose(GREY, np.random.default_rng(0))

    assert frame.dtype == np.uint8
    assert frame.mean() == pytest.approx(127.5, abs=1)
    assert 0.3 < frame.std() < 10


def test_a_published_file_is_the_frame_in_rgb():
    frame = np.zeros((320, 320, 3), np.uint8)
    frame[..., 0] = 200

    image = decoded(publish(frame, np.random.default_rng(0)))

    assert np.abs(image.mean((0, 1)) - [200, 0, 0]).max() < 3


def test_published_files_vary_in_size_and_quality():
    frame = expose(GREY, np.random.default_rng(0))
    files = [publish(frame, np.random.default_rng(seed)) for seed in range(20)]

    assert len({decoded(file).shape for file in files}) > 10
    assert len({file[file.index(b"\xff\xdb") :][:69] for file in files}) > 10
