"""What callers see of servers that fail: real processes that are killed, restarted, hung, slow and wrong."""

import contextlib
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ace_client import (
    INSECURE,
    CallError,
    DeadlineExceeded,
    ModelNotFound,
    Options,
    Overloaded,
    ServerUnavailable,
    UnexpectedAnswer,
)

STUB = Path(__file__).parent / "stub_server.py"


class Replica:
    """A stub server in a process, which can be started again on the same port."""

    def __init__(self, *flags: str) -> None:
        self._flags = flags
        self.port = 0
        self.start()

    def start(self) -> None:
        command = [sys.executable, STUB, f"--port={self.port}", *self._flags]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def stop(self, number: int = signal.SIGTERM) -> None:
        self.process.send_signal(number)
        self.process.wait(timeout=30)
        self.process.stdout.close()

    def restart(self, number: int = signal.SIGTERM) -> None:
        self.stop(number)
        self.start()


@pytest.fixture
def replica():
    """Starts stub servers: `replica("--version=1", ...)`; all are killed with the test."""
    replicas = []

    def start(*flags):
        replicas.append(Replica(*flags))
        return replicas[-1]

    yield start
    for each in replicas:
        if each.process.poll() is None:
            each.process.kill()
            each.process.wait()
            each.process.stdout.close()


def address_of(*replicas: Replica) -> str:
    return "ipv4:" + ",".join(f"127.0.0.1:{each.port}" for each in replicas)


def versions_of(detector, calls: int, **arguments) -> Counter:
    """Which replicas answered so many calls, each replica's version being its own, and which errors there were."""

    def ask(_: int):
        try:
            return detector.detect(b"image", **arguments)[0].version
        except CallError as error:
            return type(error)

    with ThreadPoolExecutor(4) as callers:
        return Counter(callers.map(ask, range(calls)))


def test_a_server_that_is_killed_and_restarted_is_found_again_without_help(connect, replica):
    server = replica()

    with connect(address_of(server), deadline_s=20) as detector:
        detector.detect(b"image")
        server.stop(signal.SIGKILL)
        with pytest.raises(ServerUnavailable, match="Tried 5 times"):
            detector.detect(b"image")
        server.start()

        assert versions_of(detector, 20) == {1: 20}


def test_a_stream_goes_on_over_a_server_that_is_killed_and_another_that_is_there(connect, replica):
    first, second = replica("--version=1", "--delay-s=0.01"), replica("--version=2", "--delay-s=0.01")
    half_way = threading.Event()

    def images():
        for number in range(200):
            if number == 100:
                half_way.set()
            yield bytes(number)

    killer = threading.Thread(target=lambda: (half_way.wait(30), first.stop(signal.SIGKILL)))
    killer.start()
    with connect(address_of(first, second), deadline_s=20, options=Options(max_batch=4)) as detector:
        verdicts = list(detector.stream(images()))
    killer.join()

    assert [round(verdict.prob_fake * 1000) for verdict in verdicts] == list(range(200))
    assert {verdict.version for verdict in verdicts} == {1, 2}


def test_calls_across_a_rolling_restart_all_succeed_and_are_answered_once(connect, replica):
    replicas = [replica(f"--version={number}", "--delay-s=0.002") for number in (1, 2, 3)]
    over = threading.Event()

    def roll() -> None:
        for each in replicas:
            each.restart()
        over.set()

    with connect(address_of(*replicas), deadline_s=20) as detector:
        detector.detect(b"image")
        rolling = threading.Thread(target=roll)
        rolling.start()

        def ask(number: int):
            return number, detector.detect(bytes(number))

        with ThreadPoolExecutor(8) as callers:
            answers = []
            while len(answers) < 1000 or not over.is_set():
                answers += callers.map(ask, range(100))
        rolling.join()

    assert len(answers) >= 1000
    assert [len(verdicts) for _, verdicts in answers] == [1] * len(answers)
    assert all(round(verdicts[0].prob_fake * 1000) == number for number, verdicts in answers)
    assert {verdicts[0].version for _, verdicts in answers} == {1, 2, 3}


def test_one_refusing_replica_of_three_costs_no_call(connect, replica):
    replicas = replica("--version=1"), replica("--version=2"), replica("--behaviour=refuse")

    with connect(address_of(*replicas), deadline_s=20) as detector:
        outcomes = versions_of(detector, 20)  # within the retries that a new detector has; more would be a storm

    assert outcomes.keys() <= {1, 2}


def test_a_replica_that_says_it_is_not_healthy_is_not_asked(connect, replica):
    replicas = replica("--version=1"), replica("--version=2", "--unhealthy")

    with connect(address_of(*replicas), deadline_s=20) as detector:
        assert versions_of(detector, 30) == {1: 30}
    with connect(address_of(*replicas), deadline_s=20, options=Options(health_service=None)) as detector:
        detector.detect(b"image")
        assert versions_of(detector, 30).keys() == {1, 2}


def test_a_server_that_is_not_healthy_still_says_why(connect, replica):
    with connect(address_of(replica("--unhealthy"))) as detector:
        assert [str(status) for status in detector.model_status()] == ["version 1 is LOADING"]


def test_a_connection_cut_in_the_middle_of_a_message_is_made_again_and_closed_in_the_end(connect, replica):
    server = replica()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        relay = threading.Thread(target=cut_first, args=(listener, server.port))
        relay.start()
        with connect(f"127.0.0.1:{listener.getsockname()[1]}", deadline_s=20) as detector:
            assert detector.detect(bytes(2**20))[0].version == 1
        relay.join(30)

    assert not relay.is_alive()


def cut_first(listener: socket.socket, port: int) -> None:
    """Passes on two connections, of which the first is cut after 100 kB."""
    for limit in (100_000, None):
        caller, _ = listener.accept()
        with caller, socket.create_connection(("127.0.0.1", port)) as server:
            back = threading.Thread(target=pass_on, args=(server, caller, None))
            back.start()
            pass_on(caller, server, limit)
            for each in (caller, server):
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
            back.join()


def pass_on(source: socket.socket, sink: socket.socket, limit: int | None) -> None:
    passed = 0
    with contextlib.suppress(OSError):
        while (limit is None or passed < limit) and (content := source.recv(16384)):
            sink.sendall(content)
            passed += len(content)


def test_only_refusing_replicas_are_overloaded(connect, replica):
    server = replica("--behaviour=refuse")

    with connect(address_of(server)) as detector, pytest.raises(Overloaded, match="more than this replica takes on"):
        detector.detect(b"image")


def test_one_hung_replica_of_three_costs_only_its_own_calls(connect, replica):
    replicas = replica("--version=1"), replica("--version=2"), replica("--behaviour=hang")

    with connect(address_of(*replicas)) as detector:
        outcomes = versions_of(detector, 30, deadline_s=0.5)

    assert outcomes.keys() == {1, 2, DeadlineExceeded}
    assert outcomes[DeadlineExceeded] < 20  # 10 where each replica gets its share exactly


def test_one_slow_replica_of_three_answers_too(connect, replica):
    replicas = replica("--version=1"), replica("--version=2"), replica("--version=3", "--delay-s=0.2")

    with connect(address_of(*replicas), deadline_s=20) as detector:
        assert versions_of(detector, 30).keys() == {1, 2, 3}


def test_one_replica_with_another_model_is_told_from_those_with_the_right_one(connect, replica):
    replicas = replica("--version=1"), replica("--version=2"), replica("--behaviour=other model")

    with connect(address_of(*replicas), deadline_s=20) as detector:
        assert versions_of(detector, 30).keys() == {1, 2, UnexpectedAnswer}


def test_one_replica_with_another_version_is_told_from_those_with_the_right_one(connect, replica):
    replicas = replica("--version=2"), replica("--version=2"), replica("--version=1")

    with connect(address_of(*replicas), deadline_s=20) as detector:
        assert versions_of(detector, 30).keys() == {1, 2}
        assert versions_of(detector, 30, version=2).keys() == {2, ModelNotFound}


class NameServer:
    """A DNS server on a port of 127.0.0.1 that knows one IPv4 address for all names: `found`."""

    def __init__(self, found: str) -> None:
        self.found = found
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            query, asker = self._socket.recvfrom(4096)
            if not query:
                return
            self._socket.sendto(self._answer(query), asker)

    def _answer(self, query: bytes) -> bytes:
        end = query.index(b"\0", 12) + 5  # of the question: a name, two bytes of type, two of class
        count = int(query[end - 4 : end - 2] == b"\0\1")  # type A; there is nothing to say of others
        head = query[:2] + struct.pack(">5H", 0x8580, 1, count, 0, 0)
        record = struct.pack(">HHHIH4s", 0xC00C, 1, 1, 0, 4, socket.inet_aton(self.found))  # may be kept 0 s
        return head + query[12:end] + record * count

    def stop(self) -> None:
        host, _, port = self.address.rpartition(":")
        self._socket.sendto(b"", (host, int(port)))
        self._thread.join()
        self._socket.close()


@pytest.fixture
def names():
    server = NameServer("127.0.0.2")
    yield server
    server.stop()


def test_a_name_that_moves_to_another_replica_is_followed_without_a_failed_call(connect, replica, names):
    old = replica("--version=1", "--host=127.0.0.2")
    new_flags = ("--version=2", "--host=127.0.0.3", f"--port={old.port}")

    with connect(f"dns://{names.address}/detector.test:{old.port}", deadline_s=20, security=INSECURE) as detector:
        assert versions_of(detector, 10) == {1: 10}
        replica(*new_flags)
        names.found = "127.0.0.3"
        old.stop()

        assert versions_of(detector, 10) == {2: 10}


def test_a_deadline_shorter_than_the_way_to_the_server_is_exceeded(connect, replica):
    server = replica("--delay-s=0.3")

    with connect(address_of(server)) as detector, pytest.raises(DeadlineExceeded, match=r"the deadline of 0\.0001 s"):
        detector.detect(b"image", deadline_s=0.0001)
