"""The server under the name of the one whose flags it takes."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = Path(sys.executable).parent / "ace-server"


@pytest.fixture
def command(tmp_path):
    """What `make tensorflow_model_server` leaves beside the console script."""
    shutil.copy(SCRIPT, tmp_path)
    make = [
        "make",
        "--directory",
        ROOT,
        "--assume-old=.venv/.requirements",
        f"BIN={tmp_path}",
        "tensorflow_model_server",
    ]
    subprocess.run(make, check=True, capture_output=True)
    return tmp_path / "tensorflow_model_server"


def test_it_says_its_versions_in_the_lines_of_tensorflow_serving(command):
    finished = subprocess.run([command, "--version"], check=True, capture_output=True, text=True)

    assert re.fullmatch(
        r"TensorFlow ModelServer: ace-server [\d.]+\nTensorFlow Library: 2\.\d+\.\d+\n", finished.stdout
    )


def test_it_takes_the_flags_of_tensorflow_serving(command):
    flags = ["--port=0", "--enable_batching", "--model_name=half_plus_two", "--model_base_path=models/half_plus_two"]

    finished = subprocess.run([command, *flags], capture_output=True, text=True)

    assert finished.returncode == 1
    assert "Expected model half_plus_two to have an absolute path or URI" in finished.stderr
