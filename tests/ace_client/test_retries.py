import threading
from itertools import count

import grpc
import pytest

from ace_client import DeadlineExceeded, Options, Overloaded, ServerUnavailable, Verdict
from ace_client.retries import RetryBudget


def refuse(server, times: int, code=grpc.StatusCode.UNAVAILABLE, message="not now", pushback="1", method="predict"):
    """The server refuses so many requests, and answers the others."""
    numbers, answer = count(1), getattr(server, method)

    def answer_later(request, context):
        if next(numbers) > times:
            return answer(request, context)
        if pushback is not None:
            context.set_trailing_metadata((("grpc-retry-pushback-ms", pushback),))
        return context.abort(code, message)

    setattr(server, method, answer_later)


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED])
@pytest.mark.parametrize("pushback", ["1", None], ids=["when the server says", "when we think"])
def test_a_server_that_is_busy_for_a_moment_costs_no_call(connect, server, code, pushback):
    refuse(server, 2, code, pushback=pushback)

    with connect(server.address) as detector:
        assert detector.detect(bytes(250))[0].prob_fake == 0.25

    assert len(server.requests) == 3


def test_a_request_that_a_server_drops_as_it_ends_is_tried_again(connect, server):
    def predict(request, context):
        if len(server.requests) == 1:
            context.cancel()
        return answer(request, context)

    answer, server.predict = server.predict, predict
    with connect(server.address) as detector:
        assert detector.detect(bytes(250))[0].prob_fake == 0.25


def test_requests_of_any_size_are_tried_again(connect, server):
    refuse(server, 1)

    with connect(server.address) as detector:
        assert detector.detect(bytes(2**20))[0].error is None


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, "wrong"),
        (grpc.StatusCode.INTERNAL, "broken"),
        (grpc.StatusCode.CANCELLED, "by the server's own choice"),
    ],
)
def test_what_would_fail_again_is_tried_once(connect, server, code, message):
    refuse(server, 1, code, message)

    with connect(server.address) as detector, pytest.raises(Exception, match="Tried once"):
        detector.detect(b"image")

    assert len(server.requests) == 1


@pytest.mark.parametrize("pushback", ["-1", "soon"])
def test_a_server_that_says_never_is_obeyed(connect, server, pushback):
    refuse(server, 1, pushback=pushback)

    with connect(server.address) as detector, pytest.raises(ServerUnavailable, match="Tried once"):
        detector.detect(b"image")


def test_the_error_says_how_often_it_was_tried_and_keeps_the_cause(connect, server):
    refuse(server, 9)

    with connect(server.address, deadline_s=30) as detector, pytest.raises(ServerUnavailable) as raised:
        detector.detect(b"image")

    assert str(raised.value) == (
        f"Asking detector at {server.address} failed with UNAVAILABLE: not now\n"
        "Tried 5 times with a deadline of 30 s. Check the address, and that a server runs there."
    )
    assert raised.value.__cause__.code() is grpc.StatusCode.UNAVAILABLE
    assert len(server.requests) == 5


def test_a_pause_beyond_the_deadline_is_not_waited_for(connect, server):
    refuse(server, 9, pushback="60000")

    with connect(server.address, deadline_s=20) as detector, pytest.raises(ServerUnavailable, match="Tried once"):
        detector.detect(b"image")


def test_the_deadline_is_one_for_all_attempts(connect, server):
    refuse(server, 1)
    answer = server.predict
    remaining_s = []

    def predict(request, context):
        remaining_s.append(context.time_remaining())
        threading.Event().wait(0.3)
        return answer(request, context)

    server.predict = predict
    with connect(server.address, deadline_s=4) as detector:
        detector.detect(b"image")

    assert remaining_s[0] > remaining_s[1] + 0.15


def test_a_deadline_that_ends_in_a_later_attempt_names_what_failed_before(connect, server):
    refuse(server, 1)
    release, answer, numbers = threading.Event(), server.predict, count(1)
    server.predict = lambda request, context: (
        answer(request, context) if next(numbers) == 1 else release.wait(10) and None
    )

    with connect(server.address, deadline_s=0.5) as detector, pytest.raises(DeadlineExceeded) as raised:
        detector.detect(b"image")
    release.set()

    assert "Tried 2 times" in str(raised.value)
    assert raised.value.__cause__.details() == "not now"


def test_retries_can_be_left_out(connect, server):
    refuse(server, 1, grpc.StatusCode.RESOURCE_EXHAUSTED)

    with connect(server.address, options=Options(max_attempts=1)) as detector, pytest.raises(Overloaded):
        detector.detect(b"image")


def test_a_server_that_fails_gets_at_most_a_fifth_more_than_the_calls_made(connect, server):
    refuse(server, 10_000)
    calls = 100

    with connect(server.address) as detector:
        for _ in range(calls):
            with pytest.raises(ServerUnavailable):
                detector.detect(b"image")

    assert calls < len(server.requests) <= 1.2 * calls


def test_a_server_that_recovers_earns_its_callers_their_retries_back():
    budget = RetryBudget(tokens=4, most=4, ratio=0.5)

    assert [budget.failed() for _ in range(3)] == [True, False, False]
    for _ in range(4):
        budget.succeeded()
    assert [budget.failed(), budget.failed()] == [False, False]
    for _ in range(100):
        budget.succeeded()
    assert [budget.failed(), budget.failed()] == [True, False]


def test_answers_earn_a_reserve_for_the_day_on_which_all_callers_fail_at_once():
    new, proven = RetryBudget(), RetryBudget()
    for _ in range(10_000):
        proven.succeeded()

    assert sum(new.failed() for _ in range(1000)) == 19
    assert sum(proven.failed() for _ in range(1000)) == 49


def test_waiting_for_a_server_leaves_the_calls_that_follow_their_retries(connect, server):
    refuse(server, 20, method="model_status")
    refuse(server, 4)

    with connect(server.address, deadline_s=20) as detector:
        detector.wait_ready(timeout_s=30)

        assert detector.detect(bytes(250))[0].prob_fake == 0.25


def test_a_server_that_takes_smaller_batches_is_obeyed_from_then_on(connect, server):
    def predict(request, context):
        count_ = len(request.inputs["image_bytes"].string_val)
        if count_ > 4:
            context.abort(
                grpc.StatusCode.INVALID_ARGUMENT, f"Task size {count_} is larger than maximum input batch size 4"
            )
        return answer(request, context)

    answer, server.predict = server.predict, predict
    with connect(server.address, options=Options(in_flight=1)) as detector:
        verdicts = detector.detect([bytes(size) for size in range(10)])
        server.requests.clear()
        detector.detect([bytes(size) for size in range(10)])

    assert [round(verdict.prob_fake * 1000) for verdict in verdicts] == list(range(10))
    assert [len(request.inputs["image_bytes"].string_val) for request in server.requests] == [4, 4, 2]


def test_an_image_larger_than_a_message_to_the_server_spoils_only_its_own_verdict(connect, server):
    def predict(request, context):
        size = sum(map(len, request.inputs["image_bytes"].string_val))
        if size > 500:
            context.abort(
                grpc.StatusCode.RESOURCE_EXHAUSTED, f"SERVER: Received message larger than max ({size} vs. 500)"
            )
        return answer(request, context)

    answer, server.predict = server.predict, predict
    with connect(server.address) as detector:
        first, large, last = detector.detect([bytes(250), bytes(1750), bytes(250)])
        server.requests.clear()
        [alone] = detector.detect(bytes(1750))

    assert first == last == Verdict(0.25, "real", 7)
    assert large.error == alone.error
    assert large.error.startswith("1,750 bytes do not fit into a message, of which the server, or a proxy before it, ")
    assert len(server.requests) == 1


def test_a_detector_made_before_its_server_finds_it(connect, free_address, serve_later):
    serve_later(free_address, 0.3)

    with connect(free_address, deadline_s=20) as detector:
        assert detector.detect(bytes(250))[0].prob_fake == 0.25
