"""What is put to a candidate too, and that the callers notice nothing of it, whatever that one does."""

import hashlib
import json
import os
import subprocess
import sys
import threading
import time

import grpc
import pytest

from ace_client import CallError, Options
from ace_client.protos.serving_pb2 import PredictResponse
from ace_client.shadow import WAITING

from .conftest import size_as_prob_fake

REAL, FAKE = bytes(250), bytes(750)


@pytest.fixture
def routing(tmp_path):
    """A routing file with all calls to `stable`, and each of them to `canary` too."""
    shadow = {"label": "canary", "share": 1, "answers": "shadowed"}
    file = tmp_path / "routing.json"
    file.write_text(json.dumps({"weights": {"stable": 1, "other": 0}, "shadow": shadow}))
    return file


def lines(routing) -> list[dict]:
    files = sorted(routing.parent.glob("shadowed/*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines(True) if line.endswith("\n")]


def wait_for(found, timeout_s: float = 20):
    """What `found` returns, once it is something."""
    end_s = time.monotonic() + timeout_s
    while not (value := found()):
        assert time.monotonic() < end_s
        time.sleep(0.01)
    return value


def asks(server, label: str) -> int:
    return sum(request.model_spec.version_label == label for request in server.requests)


def only_of_the_candidate(answer):
    """As `answer` says for the candidate; the stable version answers as ever."""
    return lambda request, context: (
        answer(request, context) if request.model_spec.version_label == "canary" else size_as_prob_fake(request)
    )


def test_both_answers_are_kept_and_the_image_is_not(connect, server, routing):
    with connect(server.address, options=Options(routing_file=routing)) as detector:
        [real, fake] = detector.detect([REAL, FAKE])
        [line] = wait_for(lambda: lines(routing))

    assert (real.label, fake.label) == ("real", "fake")
    assert line["images"] == [hashlib.sha256(image).hexdigest()[:16] for image in (REAL, FAKE)]
    for label in ("stable", "canary"):
        answer = line["answers"][label]
        assert answer["verdicts"] == [[0.25, "real", None], [0.75, "fake", None]]
        assert (answer["version"], answer["error"]) == (7, None)
        assert answer["seconds"] > 0


def test_only_the_share_that_is_asked_for_is_copied(connect, server, routing):
    routing.write_text(routing.read_text().replace('"share": 1', '"share": 0.2'))
    with connect(server.address, options=Options(routing_file=routing)) as detector:
        for _ in range(400):
            detector.detect(REAL)
            wait_for(lambda: len(server.requests) - asks(server, "stable") - len(lines(routing)) < WAITING / 2)
        wait_for(lambda: len(lines(routing)) == asks(server, "canary"))

    assert asks(server, "stable") == 400
    assert 40 < asks(server, "canary") < 130  # 5 standard deviations


@pytest.mark.parametrize("pinned", [{"label": "canary"}, {"label": "nightly"}, {"version": 7}])
def test_what_is_pinned_elsewhere_is_not_copied(pinned, connect, server, routing):
    with connect(server.address, options=Options(routing_file=routing)) as detector:
        detector.detect(REAL, **pinned)
        detector.detect(FAKE)
        wait_for(lambda: lines(routing))

    [line] = lines(routing)
    assert line["answers"]["stable"]["verdicts"] == [[0.75, "fake", None]]


def test_a_candidate_that_hangs_delays_nobody_and_at_most_a_few_requests_wait_for_it(connect, server, routing):
    hangs = threading.Event()
    server.predict = only_of_the_candidate(lambda request, _context: hangs.wait(30) and size_as_prob_fake(request))

    with connect(server.address, deadline_s=25, options=Options(routing_file=routing)) as detector:
        for _ in range(10 * WAITING):
            assert detector.detect(REAL)[0].prob_fake == 0.25
        assert asks(server, "stable") == 10 * WAITING
        assert asks(server, "canary") == 1
        hangs.set()
        found = wait_for(lambda: len(lines(routing)) > WAITING and lines(routing))

    assert len(found) == WAITING + 1
    with connect(server.address, options=Options(routing_file=routing)) as detector:
        detector.detect(REAL)
        wait_for(lambda: len(lines(routing)) > WAITING + 1)


def test_requests_that_were_not_copied_are_counted(connect, server, routing):
    hangs = threading.Event()
    server.predict = only_of_the_candidate(lambda request, _context: hangs.wait(30) and size_as_prob_fake(request))

    with connect(server.address, deadline_s=25, options=Options(routing_file=routing)) as detector:
        for _ in range(3 * WAITING):
            detector.detect(REAL)
        hangs.set()
        wait_for(lambda: len(lines(routing)) == WAITING + 1)
        detector.detect(REAL)
        last = wait_for(lambda: len(lines(routing)) == WAITING + 2 and lines(routing)[-1])

    assert last["not_copied"] == 2 * WAITING - 1


def test_a_candidate_that_fails_or_floods_fails_nobody(connect, server, routing):
    def fails(_request, context):
        context.abort(grpc.StatusCode.INTERNAL, "no luck")

    def floods(request, _context):
        answer = size_as_prob_fake(request)
        answer.outputs["label"].string_val[0] = bytes(8 * 2**20)
        return answer

    def is_no_detector(_request, _context):
        return PredictResponse()

    candidates = iter([fails, floods, is_no_detector])
    server.predict = only_of_the_candidate(lambda request, context: next(candidates)(request, context))
    with connect(server.address, options=Options(routing_file=routing)) as detector:
        for count in (1, 2, 3):
            assert detector.detect(REAL)[0].label == "real"
            wait_for(lambda count=count: len(lines(routing)) == count)

    failed, flooded, odd = (line["answers"]["canary"] for line in lines(routing))
    assert "no luck" in failed["error"]
    assert len(flooded["verdicts"][0][1]) == 500
    assert "does not answer as a detector does" in odd["error"]


def test_a_request_that_fails_is_copied_too_so_that_an_equal_candidate_fails_as_often(connect, server, routing):
    def fails(_request, context):
        context.abort(grpc.StatusCode.INTERNAL, "no luck")

    server.predict = fails
    with connect(server.address, options=Options(routing_file=routing)) as detector:
        with pytest.raises(CallError):
            detector.detect(REAL)
        [line] = wait_for(lambda: lines(routing))

    assert all("no luck" in line["answers"][label]["error"] for label in ("stable", "canary"))


def test_answers_that_cannot_be_kept_are_a_warning(connect, server, routing, caplog):
    (routing.parent / "shadowed").write_text("a file where a folder should be")

    with connect(server.address, options=Options(routing_file=routing)) as detector:
        detector.detect(REAL)
        wait_for(lambda: "is not kept" in caplog.text)
        detector.detect(REAL)
        wait_for(lambda: asks(server, "canary") == 2)

    assert caplog.text.count("is not kept") == 1


def test_a_closed_detector_has_no_thread_left(connect, server, routing):
    hangs = threading.Event()
    server.predict = only_of_the_candidate(lambda request, _context: hangs.wait(30) and size_as_prob_fake(request))
    with connect(server.address, deadline_s=25, options=Options(routing_file=routing)) as detector:
        detector.detect(REAL)
        detector.detect(REAL)
        wait_for(lambda: asks(server, "canary"))

    wait_for(lambda: not any(thread.name == "ace_client shadow" for thread in threading.enumerate()))
    hangs.set()
    assert lines(routing) == []


IN_A_CHILD = """
import os, sys, time
from pathlib import Path
from ace_client import Detector, Options
detector = Detector(sys.argv[1], options=Options(routing_file=sys.argv[2]))
detector.detect(bytes(250))
if child := os.fork():
    os.waitpid(child, 0)
detector.detect(bytes(750))
answers = Path(sys.argv[2]).with_name("shadowed")
end_s = time.monotonic() + 20
while time.monotonic() < end_s and not any("0.75" in file.read_text() for file in answers.glob(f"*-{os.getpid()}-*")):
    time.sleep(0.01)
os._exit(0)
"""


def test_a_fork_copies_too(server, routing):
    command = [sys.executable, "-W", "ignore", "-c", IN_A_CHILD, server.address, str(routing)]
    subprocess.run(command, check=True, timeout=60, env={**os.environ, "GRPC_VERBOSITY": "NONE"})

    found = sorted(line["answers"]["canary"]["verdicts"][0][0] for line in lines(routing))
    assert found == [0.25, 0.75, 0.75]
