"""Images to send, and stub servers with known behaviour, each a process of its own."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import cv2
import numpy as np
import pytest

from ace_loadtest.__main__ import main
from ace_loadtest.commands.self_test import stub_server


@pytest.fixture(scope="session")
def images(tmp_path_factory):
    """A folder of eight small images."""
    folder = tmp_path_factory.mktemp("images")
    generator = np.random.default_rng(0)
    for number in range(8):
        cv2.imwrite(str(folder / f"{number}.jpg"), generator.integers(0, 256, (48, 40, 3), np.uint8))
    return folder


@pytest.fixture
def serve_stub() -> Iterator[Callable[..., str]]:
    """Starts a stub server with some flags; its address."""
    with ExitStack() as servers:
        yield lambda *flags: servers.enter_context(stub_server(*flags))


@pytest.fixture(scope="session")
def stub_address() -> Iterator[str]:
    """The address of a server that answers every request at once."""
    with stub_server() as address:
        yield address


@pytest.fixture
def start():
    """Starts `python -m ace_loadtest`, in a process of its own: it is sent signals, and its memory is frozen."""
    processes = []

    def start(*arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "ace_loadtest", *map(str, arguments)]
        processes.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def command(capsys) -> Callable[..., tuple[int, str, str]]:
    """Runs `ace-loadtest` in this process; its exit status, and what it wrote to standard output and error."""

    def command(*arguments: object) -> tuple[int, str, str]:
        status = main([*map(str, arguments)])
        return status, *capsys.readouterr()

    return command
