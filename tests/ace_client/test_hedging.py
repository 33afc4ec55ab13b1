import threading

import grpc
import pytest

from ace_client import Attempt, Options, ServerUnavailable, Start, Watcher
from ace_client.hedging import Hedging


def test_nothing_is_hedged_before_enough_is_known():
    hedging = Hedging()
    for _ in range(15):
        hedging.answered(0.1)

    assert hedging.delay_s() is None


def test_the_delay_is_the_95th_percentile_of_the_last_answers():
    hedging = Hedging()
    for number in range(256):
        hedging.answered(number % 20 / 20)

    assert hedging.delay_s() == pytest.approx(0.95, abs=0.051)
    for _ in range(256):
        hedging.answered(0.01)
    assert hedging.delay_s() == 0.01


def test_second_attempts_are_bounded_by_a_share_of_the_requests():
    hedging = Hedging()

    assert sum(hedging.take() for _ in range(100)) == 10
    for _ in range(100):
        hedging.answered(0.1)
    assert sum(hedging.take() for _ in range(100)) == pytest.approx(5, abs=1)


class Numbers(Watcher):
    def __init__(self, attempts: list[Attempt]) -> None:
        self.attempts = attempts

    def attempt_ended(self, attempt: Attempt) -> None:
        self.attempts.append(attempt)


@pytest.fixture
def attempts():
    return []


@pytest.fixture
def hedged(connect, server, attempts):
    """A detector that hedges, after as many answers as that takes."""

    def hook(_: Start) -> Numbers:
        return Numbers(attempts)

    with connect(server.address, deadline_s=20, options=Options(hedging=True, hooks=(hook,))) as detector:
        for _ in range(40):
            detector.detect(b"image")
        attempts.clear()
        server.requests.clear()
        yield detector


def test_the_faster_of_two_attempts_is_the_answer_and_the_other_is_cancelled(hedged, server, attempts):
    answer, cancelled = server.predict, threading.Event()

    def predict(request, context):
        if len(server.requests) == 1:
            context.add_callback(cancelled.set)
            cancelled.wait(30)
        return answer(request, context)

    server.predict = predict
    [verdict] = hedged.detect(bytes(250))

    assert verdict.prob_fake == 0.25
    assert len(server.requests) == 2
    assert cancelled.wait(10)
    assert [(each.number, each.status, each.hedged) for each in attempts] == [(2, "OK", True)]


def test_one_failed_attempt_of_two_leaves_the_other_to_answer(hedged, server):
    answer, second_failed = server.predict, threading.Event()

    def predict(request, context):
        if len(server.requests) == 1:
            second_failed.wait(30)
            return answer(request, context)
        second_failed.set()
        return context.abort(grpc.StatusCode.UNAVAILABLE, "not here")

    server.predict = predict

    assert hedged.detect(bytes(250))[0].prob_fake == 0.25


def test_a_request_that_fails_in_both_attempts_fails(hedged, server):
    def predict(_request, context):
        context.set_trailing_metadata((("grpc-retry-pushback-ms", "-1"),))
        threading.Event().wait(0.2)
        return context.abort(grpc.StatusCode.UNAVAILABLE, "not here")

    server.predict = predict
    with pytest.raises(ServerUnavailable, match="Tried 2 times"):
        hedged.detect(bytes(250))


def test_a_quick_request_is_sent_once(hedged, server):
    for _ in range(3):
        hedged.detect(b"image")

    assert len(server.requests) < 6  # some may take longer than 95 % of those before
