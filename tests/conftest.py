"""What the tests of several packages need: real models on disk, and real servers in processes of their own."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

# A shell without job control has what it runs in the background ignore Ctrl-C, and so would all that the tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# `make test` draws the same few examples each time, `make fuzz` ever new ones and many.
settings.register_profile("suite", max_examples=200, derandomize=True, deadline=None)
settings.register_profile("fuzz", max_examples=3000, deadline=None)
settings.load_profile("suite")

_SERVING = re.compile(r"Running gRPC ModelServer at (\S+) (?:and \S+ )?\.\.\.")
_REST = re.compile(r"Exporting HTTP/REST API at:(\S+) \.\.\.")


def pytest_addoption(parser: pytest.Parser) -> None:
    """What `make contract` passes on."""
    parser.addoption("--target", help="HOST:PORT of a running server to hold to the recordings, instead of our own")
    parser.addoption("--recording", default="recorded", help="the one for how the target was started")


class ServerProcess:
    """An `ace_server` on a free port of 127.0.0.1, its log in a file.

    It loads versions without a trial, a process that imports TensorFlow for each: tests that need it pass --trial_load.
    """

    def __init__(self, base_path: Path | None, log: Path, *flags: str) -> None:
        self._log = log
        command = [sys.executable, "-m", "ace_server", "--host=127.0.0.1", "--port=0", "--notrial_load"]
        command += [f"--model_base_path={base_path}"] if base_path else []
        with log.open("w") as stderr:
            self.process = subprocess.Popen([*command, *flags], stderr=stderr, stdout=subprocess.DEVNULL)
        self.address = self._wait_until_serving()

    def _wait_until_serving(self, timeout_s: float = 120) -> str:
        deadline_s = time.monotonic() + timeout_s
        while time.monotonic() < deadline_s and self.process.poll() is None:
            if found := _SERVING.search(self.stderr_text()):
                return found[1]
            time.sleep(0.05)
        self.stop(signal.SIGKILL)
        raise RuntimeError(f"the server did not start:\n{self.stderr_text()}")

    @property
    def rest_url(self) -> str:
        """Where the REST API is, of a server started with --rest_api_port=-1."""
        self.wait_for_log("Exporting HTTP/REST API at:")
        found = _REST.search(self.stderr_text())
        return f"http://{found[1]}" if found else ""

    def stderr_text(self) -> str:
        """What the server has logged so far."""
        return self._log.read_text()

    def wait_for_log(self, text: str, timeout_s: float = 120) -> None:
        """Return once the server has logged `text`."""
        deadline_s = time.monotonic() + timeout_s
        while text not in self.stderr_text():
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"{text!r} is not in the log:\n{self.stderr_text()}")
            time.sleep(0.05)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Signal the process and wait for its end; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(timeout=60)


Serve = Callable[..., ServerProcess]


@contextmanager
def _serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    servers: list[ServerProcess] = []

    def start(base_path: Path | None, *flags: str) -> ServerProcess:
        log = tmp_path_factory.mktemp("server") / "stderr.log"
        servers.append(ServerProcess(base_path, log, *flags))
        return servers[-1]

    yield start
    for server in servers:
        server.process.terminate()
    for server in servers:
        server.process.wait(timeout=60)


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Starts servers: `serve(base_path, "--flag=value", ...)`; all are ended with the module."""
    with _serving(tmp_path_factory) as start:
        yield start


@pytest.fixture(scope="session")
def serve_to_the_end(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Likewise; they are there for all modules."""
    with _serving(tmp_path_factory) as start:
        yield start


@pytest.fixture
def set_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    """Moves the clock of processes that are started next: `set_clock(timedelta)`; the monotonic one stays right."""
    package = Path(find_spec("libfaketime").origin).parent
    offset = tmp_path / "clock" / "offset"
    offset.parent.mkdir()

    def move(by: timedelta) -> None:
        unfinished = offset.with_suffix(".new")
        unfinished.write_text(f"{by.total_seconds():+.0f}")
        unfinished.rename(offset)

    move(timedelta())
    monkeypatch.setenv("LD_PRELOAD", str(package / "vendor/libfaketime/src/libfaketime.so.1"))
    monkeypatch.setenv("FAKETIME_TIMESTAMP_FILE", str(offset))
    monkeypatch.setenv("FAKETIME_CACHE_DURATION", "1")
    monkeypatch.setenv("DONT_FAKE_MONOTONIC", "1")
    return move


@pytest.fixture(scope="session")
def detector_base_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """models/detector with version 1: a detector of 32×32 pixels with random weights, published by the exporter."""
    import keras

    from ace_export.exporter import export

    keras.utils.set_random_seed(7)
    network = keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            keras.layers.Conv2D(4, 3, strides=2, activation="relu"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    folder = tmp_path_factory.mktemp("detector")
    network.save(folder / "detector.keras")
    return export(folder / "detector.keras", folder / "models" / "detector").parent


@dataclass(frozen=True)
class Identity:
    """A key and a certificate of it that is its own authority, for 127.0.0.1; in PEM."""

    key: str
    certificate: str

    @property
    def ssl_config(self) -> str:
        """The fields of an SSLConfig with which a server has this identity."""
        return f"server_key: {json.dumps(self.key)}\nserver_cert: {json.dumps(self.certificate)}\n"


@pytest.fixture(scope="session")
def new_identity(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Identity]:
    """Makes identities: `new_identity()`."""
    openssl = shutil.which("openssl") or pytest.skip("the openssl command, which makes certificates, is not installed")

    def make() -> Identity:
        folder = tmp_path_factory.mktemp("identity")
        options = ["-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test"]
        options += [
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-keyout",
            folder / "key.pem",
            "-out",
            folder / "cert.pem",
        ]
        subprocess.run([openssl, "req", "-x509", *options], check=True, capture_output=True)
        return Identity((folder / "key.pem").read_text(), (folder / "cert.pem").read_text())

    return make
