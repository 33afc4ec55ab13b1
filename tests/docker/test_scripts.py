"""The small programs that the images bring."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DOCKER = Path(__file__).parents[2] / "docker"


def check_models(folder):
    command = [sys.executable, str(DOCKER / "check_models.py"), str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def models(detector_base_path, tmp_path):
    """A copy of models/detector that a test may damage."""
    return shutil.copytree(detector_base_path, tmp_path / "detector")


def test_whole_versions_are_started_with(models):
    found = check_models(models)

    assert (found.returncode, found.stdout) == (0, f"whole: {models / '1'}\n")


def test_a_changed_byte_is_found(models):
    data = models / "1" / "variables" / "variables.data-00000-of-00001"
    data.write_bytes(b"\0" + data.read_bytes()[1:])

    found = check_models(models)

    assert (found.returncode, found.stdout) == (1, f"{data}: changed\n")


def test_a_missing_file_is_found(models):
    (models / "1" / "saved_model.pb").unlink()

    found = check_models(models)

    assert (found.returncode, found.stdout) == (1, f"{models / '1' / 'saved_model.pb'}: missing\n")


def test_an_empty_folder_and_a_missing_manifest_are_found(models, tmp_path):
    (models / "1" / "assets.extra" / "manifest.json").unlink()

    assert "holds no version" in check_models(tmp_path / "none").stdout
    assert "no manifest that can be read" in check_models(models).stdout


def test_a_version_that_is_being_written_is_left_alone(models):
    (models / "tmp-2").mkdir()

    assert check_models(models).returncode == 0


def tf_serving_healthy(**environment):
    command = ["bash", str(DOCKER / "tf_serving_healthy.sh")]
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, check=False).returncode == 0


def test_tensorflow_serving_is_healthy_where_the_model_answers(serve, detector_base_path):
    server = serve(detector_base_path, "--model_name=detector", "--rest_api_port=-1")
    port = server.rest_url.rsplit(":", 1)[1]

    assert tf_serving_healthy(REST_PORT=port)
    assert not tf_serving_healthy(REST_PORT=port, MODEL_NAME="another")
    server.stop()
    assert not tf_serving_healthy(REST_PORT=port)
