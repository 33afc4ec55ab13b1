import json
import os
import signal
from queue import SimpleQueue

import pytest

from ace_loadtest import frames
from ace_loadtest.arrivals import constant
from ace_loadtest.generator import Part
from ace_loadtest.loads import Closed, Open
from ace_loadtest.plan import Plan, Target
from ace_loadtest.remote import Remote
from ace_loadtest.samples import from_bytes, merged


@pytest.fixture
def start(images):
    """Starts a sender; it, and the frames that come of it."""
    remotes = []

    def start(address, load, part=None):
        came = SimpleQueue()
        plan = Plan(targets=(Target(address=address),), images=images, load=load)
        remotes.append(Remote(plan, part or Part(), lambda kind, content: came.put((kind, content))))
        return remotes[-1], came

    yield start
    for remote in remotes:
        remote.stop()
        remote.join(30)


def until(came, kind):
    """The content of the next frame of this kind, and the samples that came before it."""
    rows = []
    while True:
        found, content = came.get(timeout=30)
        if found == kind:
            return content, merged(rows)
        assert found == frames.ROWS, content
        rows.append(from_bytes(content))


def test_a_part_of_a_load_is_made_once_it_is_to_begin(start, stub_address):
    load = Open(constant(100, 1), "constant")
    remote, came = start(stub_address, load, Part(1, 2))
    until(came, frames.READY)
    remote.begin()

    said, samples = until(came, frames.DONE)

    assert json.loads(said)["until_s"] == pytest.approx(1.0)
    assert sorted(samples.rows["number"].tolist()) == list(range(1, 100, 2))
    assert set(samples.rows["generator"].tolist()) == {1}
    assert samples.ok.all()


def test_callers_come_and_go_as_they_are_told(start, stub_address):
    remote, came = start(stub_address, Closed(0, 60))
    remote.set_users(2)
    until(came, frames.READY)
    remote.begin()
    _, content = came.get(timeout=30)
    while not content:
        _, content = came.get(timeout=30)
    remote.stop()

    _, samples = until(came, frames.DONE)

    assert (from_bytes(content).latency_ms() > 0).all()
    assert samples.ok.all()


def test_a_target_that_does_not_answer_is_said(start):
    _, came = start("127.0.0.1:1", Closed(1, 1))

    said, _ = until(came, frames.FAILED)

    assert b"failed with UNAVAILABLE" in said


def test_a_sender_that_dies_is_noticed(start, stub_address):
    remote, came = start(stub_address, Closed(1, 60))
    until(came, frames.READY)
    os.kill(remote.pid, signal.SIGKILL)

    said, _ = until(came, frames.FAILED)

    assert said == b"the sender ended with status -9"
