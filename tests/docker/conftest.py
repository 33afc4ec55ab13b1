"""The manifests as kubectl renders them, and the server that they are held to."""

import runpy
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

DOCKER = Path(__file__).parents[2] / "docker"


@pytest.fixture(scope="session")
def validation() -> SimpleNamespace:
    """What docker/kubernetes/validate.py defines."""
    return SimpleNamespace(**runpy.run_path(str(DOCKER / "kubernetes" / "validate.py")))


@pytest.fixture(scope="session")
def manifests(validation) -> dict[str, list[dict[str, Any]]]:
    """All rendered manifests, by folder."""
    if not shutil.which("kubectl"):
        pytest.skip("kubectl, which renders the manifests, is not installed")
    return {folder: validation.render(folder) for folder in validation.FOLDERS}
