import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from ace_loadtest.arrivals import constant, draw

LOCUSTFILE = Path(__file__).parents[2] / "loadtest" / "locustfile.py"
LOCUST = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE)]


def test_locust_runs_the_users_headless(stub_address, images):
    options = ["--headless", "--users=2", "--run-time=4s", "--host", stub_address, "--json", "--loglevel=ERROR"]

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


def test_workers_make_their_parts_of_one_open_load(stub_address, images, tmp_path):
    load = ("--rate=100", "--seconds=2", "--seed=4", "--images", str(images), "--out", str(tmp_path))
    master, *workers = distributed(*load, "--headless", "--expect-workers=2", "--host", stub_address)
    _, error = master.communicate(timeout=60)
    for worker in workers:
        worker.communicate(timeout=60)

    kept = json.loads((tmp_path / "report.json").read_text())
    generators = [row.rsplit(",", 1)[1] for row in (tmp_path / "samples.csv").read_text().splitlines()[1:]]
    assert kept["requests"] == draw(constant(100, 2), seed=4).size, error
    assert kept["complete"]
    assert abs(generators.count("0") - generators.count("1")) <= 1
    assert kept["errors"] == {}


def test_a_worker_that_dies_is_shown_and_what_it_measured_is_kept(stub_address, images, tmp_path):
    load = ("--rate=100", "--seconds=5", "--images", str(images), "--out", str(tmp_path))
    master, *workers = distributed(*load, "--headless", "--expect-workers=2", "--host", stub_address)
    wait_for_line(master, "Predict")
    workers[0].kill()
    _, error = master.communicate(timeout=60)
    for worker in workers:
        worker.communicate(timeout=60)

    kept = json.loads((tmp_path / "report.json").read_text())
    generators = [row.rsplit(",", 1)[1] for row in (tmp_path / "samples.csv").read_text().splitlines()[1:]]
    assert "was lost: its worker was not heard of any more" in kept["invalid"][0], error
    assert kept["lateness"]["unsent"] > 0
    assert set(generators) == {"0", "1"}


def test_a_worker_that_joins_makes_no_load_and_what_is_stopped_is_kept(stub_address, images, tmp_path):
    load = ("--rate=100", "--seconds=60", "--images", str(images), "--out", str(tmp_path), "--host", stub_address)
    master, join = with_master(*load, "--headless", "--expect-workers=1", "--users=2", "--spawn-rate=2")
    first = join()
    wait_for_line(master, "All users spawned")
    late = join()
    wait_for_line(master, "2 workers connected")
    for _ in range(3):  # Locust's table, every two seconds: it mostly gives the late one users by then
        wait_for_line(master, "Aggregated")
    master.send_signal(signal.SIGTERM)
    _, error = master.communicate(timeout=60)
    for worker in (first, late):
        worker.communicate(timeout=60)

    kept = json.loads((tmp_path / "report.json").read_text())
    assert kept["invalid"] == [], error
    assert 0 < kept["requests"] == kept["lateness"]["planned"]


def test_a_target_that_does_not_answer_ends_locust_with_clear_words(images, tmp_path):
    options = ["--headless", "--rate=10", "--images", str(images), "--out", str(tmp_path), "--host=127.0.0.1:1"]

    run = subprocess.run([*LOCUST, *options], capture_output=True, text=True, timeout=60)

    assert "Asking detector at 127.0.0.1:1 failed with UNAVAILABLE" in run.stderr
    assert "Traceback" not in run.stderr


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


def distributed(*flags: str) -> list[subprocess.Popen]:
    """A master with these flags and two workers."""
    master, join = with_master(*flags)
    return [master, join(), join()]


def with_master(*flags: str) -> tuple[subprocess.Popen, Callable[[], subprocess.Popen]]:
    """A master with these flags, and what starts a worker of it."""
    port = f"{free_port()}"
    images = flags[flags.index("--images") : flags.index("--images") + 2]

    def started(*flags: str) -> subprocess.Popen:
        return subprocess.Popen([*LOCUST, *flags], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    master = started("--master", "--master-bind-port", port, *flags)
    return master, lambda: started("--worker", "--master-port", port, "--master-host=127.0.0.1", *images)


def wait_for_line(process: subprocess.Popen, text: str) -> None:
    """Returns once the process has written a line with the text to its standard error."""
    said = []
    while text not in (line := process.stderr.readline()):
        assert line, "".join(said)
        said.append(line)


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
