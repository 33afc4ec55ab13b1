"""Callers whose images are merged into one batch by a real server never notice each other's bad ones."""

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from ace_client import Detector

BAD = {"garbage": b"not an image", "empty": b"", "truncated": b"\xff\xd8\xff\xe0\x00\x10JFIF"}


@pytest.fixture(scope="module")
def detector(serve, detector_base_path, tmp_path_factory):
    """A client of a server with one runner, where all that comes while it runs is merged."""
    parameters = tmp_path_factory.mktemp("batching") / "parameters.txt"
    parameters.write_text("max_batch_size { value: 64 } num_batch_threads { value: 1 }")
    flags = ("--model_name=detector", "--enable_batching", f"--batching_parameters_file={parameters}")
    with Detector(serve(detector_base_path, *flags).address, deadline_s=60) as detector:
        yield detector


@pytest.fixture(scope="module")
def images():
    """Different JPEGs, large enough that a run takes a while."""
    rng = np.random.default_rng(3)
    pictures = (cv2.resize(rng.integers(0, 255, (6, 6, 3), np.uint8), (640, 480)) for _ in range(24))
    return [cv2.imencode(".jpg", picture)[1].tobytes() for picture in pictures]


def test_callers_in_one_batch_get_their_own_answers_whatever_their_neighbours_send(detector, images):
    alone = [detector.detect(image)[0].prob_fake for image in images]
    mixed = [image for pair in zip(images, [*BAD.values()] * 8, strict=True) for image in pair]

    with ThreadPoolExecutor(len(mixed)) as callers:
        verdicts = [verdict for [verdict] in callers.map(detector.detect, mixed)]

    assert [verdict.prob_fake for verdict in verdicts[::2]] == pytest.approx(alone, abs=1e-6)
    assert [verdict.error for verdict in verdicts[::2]] == [None] * len(images)
    assert all(verdict.error for verdict in verdicts[1::2])


@pytest.mark.parametrize("bad", BAD)
def test_a_batch_of_nothing_but_bad_images_is_answered(bad, detector):
    verdicts = detector.detect([BAD[bad]] * 5)

    assert [verdict.label for verdict in verdicts] == [""] * 5
    assert all(verdict.error for verdict in verdicts)
