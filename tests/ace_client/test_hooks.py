from itertools import count

import grpc
import pytest

from ace_client import Attempt, CallError, Options, Outcome, Start, Watcher


class Recorder(Watcher):
    """Writes down all that it sees."""

    def __init__(self, start: Start) -> None:
        self.start = start
        self.metadata = (("traceparent", "00-1-2-01"),)
        self.attempts: list[Attempt] = []
        self.outcomes: list[Outcome] = []

    def attempt_ended(self, attempt: Attempt) -> None:
        self.attempts.append(attempt)

    def ended(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)


@pytest.fixture
def recorders():
    return []


@pytest.fixture
def options(recorders):
    def hook(start: Start) -> Recorder:
        recorders.append(Recorder(start))
        return recorders[-1]

    return Options(hooks=(hook,), max_batch=2)


def fail_first(server, times, code=grpc.StatusCode.UNAVAILABLE):
    numbers, answer = count(1), server.predict
    server.predict = lambda request, context: (
        context.abort(code, "not now") if next(numbers) <= times else answer(request, context)
    )


def test_a_request_is_seen_from_its_start_over_its_attempts_to_its_end(connect, server, options, recorders):
    fail_first(server, 1)

    with connect(server.address, deadline_s=20, options=options) as detector:
        detector.detect([b"1", b"2"])

    [seen] = recorders
    assert seen.start == Start("tensorflow.serving.PredictionService", "Predict", "detector", server.address, 20, 2)
    assert [(each.number, each.status) for each in seen.attempts] == [(1, "UNAVAILABLE"), (2, "OK")]
    [outcome] = seen.outcomes
    assert (outcome.status, outcome.attempts) == ("OK", 2)
    assert outcome.encode_s > 0
    assert outcome.decode_s > 0
    assert outcome.wait_s > sum(each.wait_s for each in seen.attempts)


def test_each_request_of_a_call_is_seen(connect, server, options, recorders):
    with connect(server.address, options=options) as detector:
        detector.detect([b"1", b"2", b"3"])
        detector.model_status()

    assert sorted((each.start.method, each.start.images) for each in recorders) == [
        ("GetModelStatus", 0),
        ("Predict", 1),
        ("Predict", 2),
    ]


def test_a_failed_request_ends_with_its_status(connect, server, options, recorders):
    fail_first(server, 9, grpc.StatusCode.INTERNAL)

    with connect(server.address, options=options) as detector, pytest.raises(CallError):
        detector.detect(b"image")

    [seen] = recorders
    assert [(each.status, each.attempts) for each in seen.outcomes] == [("INTERNAL", 1)]


def test_an_answer_that_is_not_the_contract_ends_as_such(connect, server, options, recorders):
    answer = server.predict

    def predict(request, context):
        response = answer(request, context)
        del response.outputs["label"]
        return response

    server.predict = predict
    with connect(server.address, options=options) as detector, pytest.raises(CallError):
        detector.detect(b"image")

    assert [each.outcomes[0].status for each in recorders] == ["BAD_ANSWER"]


def test_metadata_of_a_watcher_is_sent_with_each_attempt(connect, server, options):
    sent, answer = [], server.predict

    def predict(request, context):
        sent.append(dict(context.invocation_metadata())["traceparent"])
        return answer(request, context) if len(sent) > 1 else context.abort(grpc.StatusCode.UNAVAILABLE, "not now")

    server.predict = predict
    with connect(server.address, options=options) as detector:
        detector.detect(b"image")

    assert sent == ["00-1-2-01"] * 2
