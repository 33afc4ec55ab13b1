"""The `cpu` stack of docker/compose.yaml, as far as its images are at hand: what is missing is named and left out."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

DOCKER = Path(__file__).parents[2] / "docker"
PROJECT = "ace-check"
SERVER = f"{PROJECT}-ace-server-1"
CPU = ("ace-server", "envoy", "prometheus", "grafana", "locust", "locust-worker")


def models_config(version: int) -> str:
    policy = f"model_version_policy {{ specific {{ versions: {version} }} }}"
    fields = f'name: "detector" base_path: "/models/detector" model_platform: "tensorflow" {policy}'
    return f"model_config_list {{ config {{ {fields} }} }}"


def replace(path: Path, text: str) -> None:
    """Put a file in another's place as a whole, as a rollout does."""
    path.with_name("new").write_text(text)
    path.with_name("new").replace(path)


@pytest.fixture(scope="module")
def folders(models, golden, tmp_path_factory) -> dict[str, Path]:
    """What the stack mounts, by variable: two versions, the first served and the second by the canary."""
    folder = tmp_path_factory.mktemp("stack")
    settings = DOCKER.parent / "serving" / "tf_serving"
    sources = {
        "ACE_MODELS": models,
        "ACE_CONFIG": settings,
        "ACE_CANARY_CONFIG": settings,
        "ACE_ENVOY": DOCKER / "envoy",
    }
    found = {name: Path(shutil.copytree(source, folder / name)) for name, source in sources.items()}
    shutil.copytree(models / "detector" / "1", found["ACE_MODELS"] / "detector" / "2")
    replace(found["ACE_CONFIG"] / "models.config", models_config(1))
    replace(found["ACE_CANARY_CONFIG"] / "models.config", models_config(2))
    (folder / "images").mkdir()
    for image in golden.glob("jpeg-quality-*.jpg"):
        shutil.copy(image, folder / "images")
    return {**found, "ACE_IMAGES": folder / "images"}


@pytest.fixture(scope="module")
def compose(folders) -> Callable[..., None]:
    """Runs compose on the stack: `compose("up", "--wait")`."""
    plugin = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0
    command = ["docker", "compose"] if plugin else ["docker-compose"]
    if not shutil.which(command[0]):
        pytest.skip("docker compose is not installed")
    command += ["--file", str(DOCKER / "compose.yaml"), "--project-name", PROJECT, "--profile=cpu", "--profile=canary"]

    def run(*arguments: str) -> None:
        done = subprocess.run(
            [*command, *arguments],
            env=os.environ | {name: str(path) for name, path in folders.items()},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    return run


@pytest.fixture(scope="module", autouse=True)
def services(engine, compose) -> Iterator[list[str]]:
    """The services that are up and healthy: all of the profile but those whose image cannot be had here."""
    env = dict(line.split("=") for line in (DOCKER / ".env").read_text().splitlines() if "=" in line and line[0] != "#")
    local = {"ace-server": "ace-server", "locust": "ace-loadtest", "locust-worker": "ace-loadtest"}
    images = {service: local.get(service) or env[f"{service.upper()}_IMAGE"] for service in CPU}
    here = [service for service, image in images.items() if engine("images", "--quiet", image)]
    try:
        compose("up", "--wait", "--wait-timeout=280", *here)
        yield here
    finally:
        compose("down", "--volumes", "--timeout=40")


@pytest.fixture(scope="module")
def detect(engine, folders) -> Callable[[], set[int]]:
    """Asks about the images through Envoy, from a container; the versions that answered."""
    image = ["--network", f"{PROJECT}_default", f"--volume={folders['ACE_IMAGES']}:/images:ro", "ace-client"]

    def ask() -> set[int]:
        rows = engine("run", "--rm", *image, "/images", "--server=envoy:8510", "--insecure", "--deadline-s=60")
        answers = [json.loads(row) for row in rows.splitlines()]
        assert len(answers) == len([*folders["ACE_IMAGES"].iterdir()])
        assert not any(answer["error"] for answer in answers)
        return {answer["version"] for answer in answers}

    return ask


def until(condition: Callable[[], bool], timeout_s: float = 60) -> None:
    """Return once the condition holds."""
    end_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end_s, "it did not come about"
        time.sleep(0.5)


def test_every_service_is_healthy(services):
    if missing := set(CPU) - set(services):
        pytest.skip(f"left out, as the image is not here: {', '.join(missing)}; healthy: {', '.join(services)}")


def test_nothing_listens_beyond_this_machine(engine):
    containers = engine("ps", "--quiet", "--filter", f"label=com.docker.compose.project={PROJECT}").split()

    inspected = json.loads(engine("inspect", *containers))

    bound = [one for each in inspected for ports in each["NetworkSettings"]["Ports"].values() for one in ports or []]
    assert {one["HostIp"] for one in bound} == {"127.0.0.1"}
    assert all(each["HostConfig"]["ReadonlyRootfs"] for each in inspected)


def test_images_are_detected_through_envoy(detect):
    assert detect() == {1}


def test_prometheus_scrapes_the_server(services):
    query = {"query": 'up{job="ace-server"}'}
    if "prometheus" not in services:
        pytest.skip("Prometheus is not here")

    def scraped() -> bool:
        found = httpx.get("http://127.0.0.1:9090/api/v1/query", params=query).json()["data"]["result"]
        return [one["value"][1] for one in found] == ["1"]

    until(scraped)


def test_locust_has_its_workers():
    until(lambda: len(httpx.get("http://127.0.0.1:8089/stats/requests").json()["workers"]) == 2)


def test_envoy_gives_the_canary_what_the_routing_file_says(compose, detect, folders):
    compose("up", "--wait", "--wait-timeout=280", "ace-server-canary")
    routes = folders["ACE_ENVOY"] / "routes.yaml"
    before = routes.read_text()
    after = before.replace("stable, weight: 100", "stable, weight: 0").replace(
        "canary, weight: 0", "canary, weight: 100"
    )

    replace(routes, after)
    until(lambda: detect() == {2})

    replace(routes, before)
    until(lambda: detect() == {1})


def test_a_version_takes_over_under_load_without_a_failed_call(engine, folders):
    name = f"{PROJECT}-load"
    network = ["--network", f"{PROJECT}_default"]
    images = f"--volume={folders['ACE_IMAGES']}:/images:ro"
    load = ["--headless", "--users=2", "--images=/images", "--host=envoy:8510", "--insecure", "--json"]
    engine("run", "--detach", "--name", name, *network, images, "ace-loadtest", *load)
    try:
        replace(folders["ACE_CONFIG"] / "models.config", models_config(2))
        rollout = ["wait", "ace-server:8500", "2", "--insecure", "--timeout-s=240"]
        engine("run", "--rm", *network, "--entrypoint=ace-rollout", "ace-client", *rollout)
        engine("stop", "--time=30", name)
        said = engine("logs", name)
    finally:
        engine("rm", "--force", name)

    [row] = json.loads(said[said.index("[") :])
    assert (row["num_requests"] > 0, row["num_failures"]) == (True, 0)


def test_a_killed_server_comes_back(engine, wait_for, detect):
    pid = int(engine("inspect", SERVER, "--format={{.State.Pid}}"))
    try:
        os.kill(pid, signal.SIGKILL)  # docker's own kill would not be undone
    except (PermissionError, ProcessLookupError):
        pytest.skip("the engine's processes are not ours to kill: run this as root beside the engine")

    until(lambda: engine("inspect", SERVER, "--format={{.RestartCount}}") == "1")
    wait_for(SERVER, "healthy")
    assert detect() == {2}
