"""The client against a real `ace_server` that serves a real export, and wants TLS, a client certificate and a token."""

import json
import logging
import random
import subprocess
import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest

from ace_client import (
    Detector,
    ModelNotFound,
    Options,
    RequestRejected,
    Security,
    ServerUnavailable,
    TensorSpec,
    VersionStatus,
)


def write_server_files(folder, server, client, tokens) -> None:
    """Who the server is, and whom it lets in."""
    authority = f"custom_ca: {json.dumps(client.certificate)}\nclient_verify: true\n"
    (folder / "ssl.config").write_text(server.ssl_config + authority)
    (folder / "tokens").write_text(tokens)


def write_client_files(folder, server, client, token) -> None:
    """Whom the client asks, and who it is."""
    (folder / "ca.pem").write_text(server.certificate)
    (folder / "client.pem").write_text(client.certificate)
    (folder / "client.key").write_text(client.key)
    (folder / "token").write_text(token)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, new_identity):
    folder, server, client = tmp_path_factory.mktemp("security"), new_identity(), new_identity()
    write_server_files(folder, server, client, "first\n")
    write_client_files(folder, server, client, "first\n")
    return folder


@pytest.fixture(scope="module")
def security(folder):
    return Security(
        ca=folder / "ca.pem",
        certificate=folder / "client.pem",
        key=folder / "client.key",
        token_file=folder / "token",
    )


@pytest.fixture(scope="module")
def server(serve, detector_base_path, folder):
    flags = f"--ssl_config_file={folder / 'ssl.config'}", f"--bearer_token_file={folder / 'tokens'}"
    return serve(detector_base_path, "--model_name=detector", *flags)


@pytest.fixture(scope="module")
def detector(server, security):
    with Detector(server.address, deadline_s=30, security=security) as detector:
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


def test_a_command_killed_at_random_moments_gives_each_file_once(detector, server, folder, tmp_path):
    moments, pixels = random.Random(7), np.random.default_rng(7)
    faces, out = tmp_path / "faces", tmp_path / "results.jsonl"
    faces.mkdir()
    for number in range(400):
        (faces / f"{number}.png").write_bytes(png(pixels.integers(0, 256, (160, 160, 3), np.uint8)))
    files = sorted(map(str, faces.iterdir()))
    command = [sys.executable, "-m", "ace_client", faces, "--server", server.address, "--out", out]
    for flag, file in (("ca", "ca.pem"), ("certificate", "client.pem"), ("key", "client.key"), ("token-file", "token")):
        command += [f"--{flag}", folder / file]

    kills = killed_at_random_moments([*command, "--concurrency", "1"], moments)

    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert kills > 0
    assert [row["file"] for row in rows] == files
    assert [row["prob_fake"] for row in rows] == pytest.approx([v.prob_fake for v in detector.detect(files)], abs=1e-5)


@pytest.mark.parametrize(
    ("lacking", "error", "reason"),
    [
        ({"certificate": None, "key": None}, ServerUnavailable, "Asking detector"),
        ({"token_file": None}, RequestRejected, "wants credentials"),
    ],
    ids=["certificate", "token"],
)
def test_who_lacks_a_certificate_or_a_token_is_refused(server, security, lacking, error, reason):
    lesser = replace(security, **lacking)

    once = Options(max_attempts=1)
    with Detector(server.address, security=lesser, options=once) as stranger, pytest.raises(error, match=reason):
        stranger.detect(b"image")


def test_certificates_and_tokens_renewed_on_both_sides_are_in_force_without_a_failed_call(
    server, detector, security, folder, pixels, new_identity, tmp_path, caplog
):
    caplog.set_level(logging.INFO, "ace_client")
    [before] = detector.detect(pixels)
    (tmp_path / "old.pem").write_bytes((folder / "ca.pem").read_bytes())

    new_server, new_client = new_identity(), new_identity()
    write_server_files(folder, new_server, new_client, "first\nsecond\n")
    for file in ("ssl.config", "tokens"):
        server.wait_for_log(f"{folder / file} has changed and is in force")
    write_client_files(folder, new_server, new_client, "second\n")
    while caplog.text.count("changed and is in force") < 2:
        assert detector.detect(pixels) == [before]
    assert detector.detect(pixels) == [before]

    behind, once = replace(security, ca=tmp_path / "old.pem"), Options(max_attempts=1)
    with Detector(server.address, security=behind, options=once) as stranger, pytest.raises(ServerUnavailable):
        stranger.detect(pixels)
