"""The client against a real `ace_server` that serves a real export."""

import json
import random
import subprocess
import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest

from ace_client import Detector, ModelNotFound, TensorSpec, VersionStatus


@pytest.fixture(scope="module")
def server(serve, detector_base_path):
    return serve(detector_base_path, "--model_name=detector")


@pytest.fixture(scope="module")
def detector(server):
    with Detector(server.address, deadline_s=30) as detector:
        detector.wait_ready(timeout_s=30, version=1)
        yield detector


@pytest.fixture
def pixels():
    """uint8[61, 45, 3], RGB: rows of a BMP that need filling."""
    return np.random.default_rng(3).integers(0, 256, (61, 45, 3), np.uint8)


def png(pixels) -> bytes:
    return cv2.imencode(".png", pixels[..., ::-1])[1].tobytes()


def test_a_path_its_bytes_and_its_pixels_have_the_same_verdict(detector, pixels, tmp_path):
    path = tmp_path / "face.png"
    path.write_bytes(png(pixels))

    first, *others = detector.detect([path, path.read_bytes(), pixels])

    assert 0 < first.prob_fake < 1
    assert first.label in ("real", "fake")
    assert (first.version, first.error) == (1, None)
    assert others == [first, first]


def assert_same(verdicts, expected):
    """The same but for what rounding does in batches of another size."""
    assert [verdict.prob_fake for verdict in verdicts] == pytest.approx([e.prob_fake for e in expected], abs=1e-6)
    assert [replace(verdict, prob_fake=0) for verdict in verdicts] == [replace(e, prob_fake=0) for e in expected]


@pytest.mark.parametrize("bad", [b"no image", b"", b"\xff\xd8\xff cut off"])
@pytest.mark.parametrize("position", [0, 1, 2])
def test_an_image_that_cannot_be_decoded_spoils_only_its_own_verdict(detector, pixels, bad, position):
    [alone] = detector.detect(pixels)
    images = [pixels, pixels, pixels]
    images[position] = bad

    verdicts = detector.detect(images)

    spoilt = verdicts.pop(position)
    assert np.isnan(spoilt.prob_fake)
    assert (spoilt.label, spoilt.version) == ("", 1)
    assert spoilt.error
    assert_same(verdicts, [alone] * 2)


def test_more_images_than_a_request_holds_are_answered(detector, pixels):
    [alone] = detector.detect(pixels)

    assert_same(detector.detect(np.stack([pixels] * 40)), [alone] * 40)


def test_what_is_pinned_and_not_there_is_not_found(detector, pixels):
    assert detector.detect(pixels, version=1)[0].version == 1
    with pytest.raises(ModelNotFound, match=r"Specific\(detector, 9\)"):
        detector.detect(pixels, version=9)
    with pytest.raises(ModelNotFound, match="canary"):
        detector.detect(pixels, label="canary")


def test_the_contract_is_what_an_export_serves(detector):
    detector.check_contract()

    signatures = detector.metadata().signatures
    assert signatures["serving_default"].inputs == {"image_bytes": TensorSpec("string", (None,))}
    assert signatures["pixels"].inputs == {"pixels": TensorSpec("uint8", (None, 32, 32, 3))}


def test_any_signature_can_be_asked(detector, pixels):
    rows = np.zeros((2, 32, 32, 3), np.uint8)

    outputs = detector.predict("detector", "pixels", {"pixels": rows})

    assert outputs["prob_fake"].dtype == np.float32
    assert outputs["label"].tolist() == [outputs["label"][0]] * 2


def test_status_names_the_version(detector):
    assert detector.model_status() == [VersionStatus(1, "AVAILABLE")]


def killed_at_random_moments(command, moments) -> int:
    """How often it was killed, each time a little later, until a run came to its end."""
    for kills in range(50):
        process = subprocess.Popen(command)
        try:
            assert process.wait(timeout=moments.uniform(0.2, 0.4) * 1.15**kills) == 0
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        else:
            return kills
    raise AssertionError("no run came to its end")


def test_a_command_killed_at_random_moments_gives_each_file_once(detector, server, tmp_path):
    moments, pixels = random.Random(7), np.random.default_rng(7)
    folder, out = tmp_path / "faces", tmp_path / "results.jsonl"
    folder.mkdir()
    for number in range(400):
        (folder / f"{number}.png").write_bytes(png(pixels.integers(0, 256, (160, 160, 3), np.uint8)))
    files = sorted(map(str, folder.iterdir()))
    command = [sys.executable, "-m", "ace_client", folder, "--server", server.address, "--out", out]

    kills = killed_at_random_moments([*command, "--concurrency", "1"], moments)

    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert kills > 0
    assert [row["file"] for row in rows] == files
    assert [row["prob_fake"] for row in rows] == pytest.approx([v.prob_fake for v in detector.detect(files)], abs=1e-5)
