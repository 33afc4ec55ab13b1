"""A real server without a file descriptor left."""

import contextlib
import os
import resource
import socket
import time
from pathlib import Path

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

NONE_LEFT = "No file descriptor is left"
SPARE = 20  # descriptors that the server gets beside those that it has


@pytest.fixture(scope="module")
def server(serve, probe_path):
    return serve(probe_path.parent, "--model_name=probe", "--rest_api_port=-1")


def test_a_server_may_have_as_many_descriptors_as_the_system_allows(server):
    soft, hard = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)

    assert soft == hard


def test_a_server_without_descriptors_says_so_once_and_serves_on_and_takes_connections_again(server):
    with grpc.insecure_channel(server.address) as old:
        assert healthy(old)
        with limited(server.process.pid):
            with idle_connections(server.address, server.rest_url.removeprefix("http://")):
                server.wait_for_log(NONE_LEFT)
                before_s, lines = cpu_s(server.process.pid), server.stderr_text().count("\n")
                time.sleep(3)  # for what would be said or tried again and again

                assert cpu_s(server.process.pid) - before_s < 1.5
                assert server.stderr_text().count("\n") <= lines + 1  # that the base path cannot be read
                assert healthy(old)  # over REST not: uvicorn closes connections that idle for 5 s
            with grpc.insecure_channel(server.address) as new:
                assert healthy(new)
            assert httpx.get(f"{server.rest_url}/healthz", timeout=30).text == "ok"

    assert server.stderr_text().count(NONE_LEFT) == 1
    assert "Traceback" not in server.stderr_text()


def test_a_server_without_descriptors_drains_without_a_word_more(server):
    with limited(server.process.pid), idle_connections(server.address, server.rest_url.removeprefix("http://")):
        wait_until_none_is_left(server.process.pid)

        assert server.stop() == 0

    assert "Traceback" not in server.stderr_text()


@contextlib.contextmanager
def idle_connections(*addresses):
    """To each address twice as many as the server can take."""
    with contextlib.ExitStack() as connections:
        for address in addresses:
            host, port = address.rsplit(":", 1)
            for _ in range(2 * SPARE):
                connections.enter_context(socket.create_connection((host, int(port))))
        yield


@contextlib.contextmanager
def limited(pid):
    """The process may open only a few more files than it has."""
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    highest = max(int(entry.name) for entry in Path(f"/proc/{pid}/fd").iterdir())
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (highest + SPARE, before[1]))
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):  # it has ended
            resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


def wait_until_none_is_left(pid, timeout_s=30):
    deadline_s = time.monotonic() + timeout_s
    while len(list(Path(f"/proc/{pid}/fd").iterdir())) < resource.prlimit(pid, resource.RLIMIT_NOFILE)[0]:
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"process {pid} still has descriptors")
        time.sleep(0.05)


def healthy(channel):
    """Whether the server says so within half a minute."""
    request = health_pb2.HealthCheckRequest(service="probe")
    answer = health_pb2_grpc.HealthStub(channel).Check(request, timeout=30, wait_for_ready=True)
    return answer.status == health_pb2.HealthCheckResponse.SERVING


def cpu_s(pid):
    """The processor time that the process has used."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
