"""Each image as production runs it: no rights, no writing, healthy when warmed, gone without a lost call."""

import io
import json
import re
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IMAGES = ("ace-client", "ace-loadtest", "ace-server")
# As compose.yaml and the Kubernetes manifests run each image.
HARDENED = ("--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges")
SECRET_FILE = re.compile(r"(^|/)(pip\.conf|\.?pypirc|\.netrc|\.npmrc|\.env|id_(rsa|ed25519|ecdsa)|\.git/config)$")
SECRET_TEXT = re.compile(rb"BEGIN [A-Z ]*PRIVATE KEY-----\n|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_\w{36}\b|\bglpat-\w{20}")
TEXTS = (".py", ".txt", ".cfg", ".toml", ".conf", ".sh", ".json", ".pth", ".config", "RECORD", "METADATA")


@pytest.fixture(scope="module")
def run(engine, network, models, golden):
    """Runs an image to its end: `run("ace-client", "/images")`; its stdout."""
    folders = (f"--volume={models}:/models:ro", f"--volume={golden}:/images:ro")
    return lambda *arguments: engine("run", "--rm", "--network", network, *HARDENED, *folders, *arguments)


@pytest.fixture(scope="module")
def server(engine, wait_for, network, models) -> Iterator[str]:
    """The name of a healthy server's container."""
    name = "ace-check-server"
    folder = f"--volume={models}:/models:ro"
    engine("run", "--detach", "--name", name, "--network", network, *HARDENED, folder, "ace-server")
    try:
        wait_for(name, "healthy")
        yield name
    finally:
        engine("rm", "--force", name)


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_runs_as_a_user_without_rights(run, image):
    uid, capabilities = run("--entrypoint=sh", image, "-c", "id -u; grep CapEff /proc/self/status").splitlines()

    assert (uid, int(capabilities.split()[1], 16)) == ("10001", 0)


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_says_how_it_is_used(run, image):
    command = {"ace-client": "ace-detect", "ace-loadtest": "locust", "ace-server": "ace-server"}[image]

    assert command in run(image, "--help")


def test_the_client_asks_the_server(run, server, golden):
    rows = run(
        "--entrypoint=sh", "ace-client", "-c", f"ace-detect /images --server {server}:8500 --insecure || test $? = 4"
    )

    manifest = json.loads((golden.parent / "manifest.json").read_text())
    expected = {f"/images/{one['file']}": one["prob_fake"] for one in manifest["golden"].values()}
    for row in map(json.loads, rows.splitlines()):
        assert row["prob_fake"] == pytest.approx(expected.pop(row["file"]), abs=1e-3)
    assert not any(expected.values())  # what has no score is no image


def test_locust_puts_load_on_the_server(run, server):
    load = ["--headless", "--users=2", "--run-time=3s", "--json", "--images=/images", "--deadline-s=60"]

    said = run("ace-loadtest", *load, "--host", f"{server}:8500", "--insecure")

    [row] = json.loads(said[said.index("[") :])
    assert (row["num_requests"] > 0, row["num_failures"]) == (True, 0)


def test_the_models_are_checked_where_the_init_container_checks_them(run):
    said = run("--entrypoint=python3", "ace-client", "/opt/check_models.py", "/models/detector")

    assert said == "whole: /models/detector/1"


def test_sigterm_drains_and_ends_with_status_0(engine, server):
    engine("stop", "--time=40", server)

    log = subprocess.run(["docker", "logs", server], capture_output=True, text=True, check=True).stderr
    assert "Drained, 0 calls unanswered" in log
    assert engine("inspect", server, "--format={{.State.ExitCode}}") == "0"


@pytest.mark.parametrize("image", IMAGES)
def test_no_layer_of_ours_holds_a_secret(engine, image, tmp_path):
    base = engine("inspect", base_image(), "--format={{len .RootFS.Layers}}")
    engine("save", "--output", tmp_path / "image.tar", image)
    with tarfile.open(tmp_path / "image.tar") as saved:
        [manifest] = json.load(saved.extractfile("manifest.json"))
        config = saved.extractfile(manifest["Config"]).read()
        found = [name for layer in manifest["Layers"][int(base) :] for name in secrets(saved.extractfile(layer))]

    assert not found
    assert not SECRET_TEXT.search(config)  # variables, and the commands that made the layers
    assert not re.search(rb"(?i)password|token|://[^/ ]*@", config)


def base_image():
    lines = (ROOT / "docker" / ".env").read_text().splitlines()
    return next(line.removeprefix("BASE=") for line in lines if line.startswith("BASE="))


def secrets(layer) -> Iterator[str]:
    with tarfile.open(fileobj=io.BufferedReader(layer)) as files:
        for file in files:
            if SECRET_FILE.search(file.name):
                yield file.name
            if file.isfile() and file.name.endswith(TEXTS) and SECRET_TEXT.search(files.extractfile(file).read()):
                yield file.name
