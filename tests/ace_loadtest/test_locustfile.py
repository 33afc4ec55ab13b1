import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

LOCUSTFILE = Path(__file__).parents[2] / "loadtest" / "locustfile.py"
LOCUST = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE)]


def test_locust_runs_the_users_headless(stub_address, images):
    options = ["--headless", "--users=2", "--run-time=1s", "--host", stub_address, "--json", "--loglevel=ERROR"]

    run = subprocess.run(
        [*LOCUST, *options],
        env=os.environ | {"ACE_LOADTEST_IMAGES": str(images)},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert run.returncode == 0, run.stderr
    [statistics] = json.loads(run.stdout)
    assert statistics["name"] == "Predict"
    assert statistics["num_requests"] > statistics["num_failures"] == 0


def test_locusts_own_page_starts_the_users(stub_address, images):
    port = free_port()
    options = ["--web-host=127.0.0.1", f"--web-port={port}", "--host", stub_address, "--images", str(images)]
    with subprocess.Popen([*LOCUST, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            read(f"http://127.0.0.1:{port}/swarm", b"user_count=2&spawn_rate=2")
            statistics = wait_for_requests(f"http://127.0.0.1:{port}/stats/requests")
        finally:
            process.terminate()

    assert statistics["stats"][0]["name"] == "Predict"
    assert statistics["fail_ratio"] == 0


def test_a_folder_without_images_ends_locust_with_one_line(tmp_path):
    run = subprocess.run(
        [*LOCUST, "--headless", "--host=127.0.0.1:1", "--images", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert run.returncode == 1
    assert run.stderr.splitlines()[-1].startswith(f"locust: {tmp_path} holds no image")
    assert "Traceback" not in run.stderr


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def read(url: str, body: bytes | None = None, timeout_s: float = 30) -> str:
    """The answer, as soon as somebody listens."""
    end_s = time.monotonic() + timeout_s
    while True:
        try:
            with urllib.request.urlopen(url, body) as answer:
                return answer.read().decode()
        except OSError:  # noqa: PERF203 waiting is what the loop is for
            if time.monotonic() > end_s:
                raise
            time.sleep(0.1)


def wait_for_requests(url: str, timeout_s: float = 30) -> dict:
    """Locust's statistics, as soon as they hold a request."""
    end_s = time.monotonic() + timeout_s
    while not (statistics := json.loads(read(url)))["stats"][0].get("num_requests"):
        assert time.monotonic() < end_s, statistics
        time.sleep(0.2)
    return statistics
