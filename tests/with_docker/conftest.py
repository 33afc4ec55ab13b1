"""A real engine with the images of `make docker-build`, for `make docker-check`; no other run collects this folder."""

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


def docker(*arguments: str | Path) -> str:
    """What `docker` says on stdout.

    Raises:
        AssertionError: it failed; with what it said on stderr.
    """
    done = subprocess.run(["docker", *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"docker {' '.join(map(str, arguments))}: {done.stdout}{done.stderr}"
    return done.stdout.strip()


@pytest.fixture(scope="session")
def engine() -> Callable[..., str]:
    """Runs docker: `engine("ps", "--all")`; its stdout."""
    docker("version")
    return docker


@pytest.fixture(scope="session")
def wait_for(engine) -> Callable[[str, str], None]:
    """Returns once a container is as wanted: `wait_for("name", "healthy")`, or "running" or "exited"."""

    def wait(container: str, wanted: str, timeout_s: float = 240) -> None:
        end_s = time.monotonic() + timeout_s
        shown = "{{.State.Status}} {{with .State.Health}}{{.Status}}{{end}}"
        while wanted not in (found := engine("inspect", container, "--format", shown).split()):
            if time.monotonic() > end_s or "exited" in found:
                log = subprocess.run(["docker", "logs", container], capture_output=True, text=True, check=False)
                raise AssertionError(f"{container} is {found}, not {wanted}:\n{log.stdout}{log.stderr}")
            time.sleep(0.5)

    return wait


@pytest.fixture(scope="session")
def models(detector_base_path: Path) -> Path:
    """A folder that holds detector/1, which any user may read."""
    return detector_base_path.parent


@pytest.fixture(scope="session")
def golden(detector_base_path: Path) -> Path:
    """A folder of images of all formats, some of them damaged."""
    return detector_base_path / "1" / "assets.extra" / "golden"


@pytest.fixture(scope="module")
def network(engine) -> Iterator[str]:
    """A network of the tests' own, on which containers find each other by name."""
    name = "ace-check-images"
    engine("network", "create", name)
    yield name
    engine("network", "rm", name)
