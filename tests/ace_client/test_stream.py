import itertools
import threading

import grpc
import pytest

from ace_client import CallError, Options


def test_endless_images_are_answered_in_order_and_taken_only_as_they_can_be_sent(connect, server):
    taken = itertools.count()

    def images():
        for number in taken:
            yield bytes(number % 500)

    with connect(server.address, options=Options(max_batch=2, in_flight=3)) as detector:
        stream = detector.stream(images())
        verdicts = list(itertools.islice(stream, 100))

    assert [round(verdict.prob_fake * 1000) for verdict in verdicts] == list(range(100))
    assert next(taken) <= 100 + 2 * (3 + 1) + 1


def test_a_stream_sends_what_is_full_before_it_takes_the_next_image(connect, server):
    asked, in_time, answer = threading.Event(), [], server.predict

    def predict(request, context):
        asked.set()
        return answer(request, context)

    def images():
        yield b"first"
        in_time.append(asked.wait(10))
        yield b"second"

    server.predict = predict
    with connect(server.address, options=Options(max_batch=1)) as detector:
        assert len(list(detector.stream(images()))) == 2

    assert in_time == [True]


def test_verdicts_that_are_there_do_not_wait_until_another_batch_is_full(connect, server):
    taken = itertools.count(1)

    def images():
        for number in taken:
            if number > 500:
                threading.Event().wait(0.01)
            yield b"image"

    with connect(server.address, options=Options(max_batch=500)) as detector:
        next(iter(detector.stream(images())))

    assert next(taken) < 1000


def test_each_request_of_a_stream_has_the_deadline_to_itself(connect, server):
    def images():
        for _ in range(4):
            threading.Event().wait(0.2)
            yield b"image"

    with connect(server.address, options=Options(max_batch=1)) as detector:
        assert len(list(detector.stream(images(), deadline_s=0.5))) == 4


def test_a_file_that_is_missing_keeps_its_place_in_a_stream(connect, server, tmp_path):
    with connect(server.address, options=Options(max_batch=2)) as detector:
        verdicts = list(detector.stream([b"1", tmp_path / "gone.jpg", b"123", tmp_path / "gone.jpg"]))

    assert [verdict.error is None for verdict in verdicts] == [True, False, True, False]


def test_an_error_ends_a_stream_after_the_verdicts_before_it(connect, server):
    def predict(request, context):
        if b"bad" in request.inputs["image_bytes"].string_val:
            context.abort(grpc.StatusCode.INTERNAL, "broken")
        return answer(request, context)

    answer, server.predict = server.predict, predict
    with connect(server.address, options=Options(max_batch=1)) as detector:
        stream = detector.stream(itertools.chain([b"1", b"2", b"bad"], itertools.repeat(b"3")))
        before = [next(stream), next(stream)]
        with pytest.raises(CallError, match="broken"):
            next(stream)

    assert [verdict.error for verdict in before] == [None, None]


def images_that_fail():
    yield from (b"1", b"2", b"3", b"4", b"5")
    raise ArithmeticError("no more")


@pytest.mark.parametrize(
    ("images", "error"),
    [(images_that_fail, ArithmeticError), (lambda: iter([b"1", b"2", b"3", b"4", b"5", 6, b"7"]), TypeError)],
    ids=["from where they come", "no image"],
)
def test_an_error_of_the_images_ends_a_stream_after_the_verdicts_before_it(connect, server, images, error):
    verdicts = []

    with connect(server.address, options=Options(max_batch=2)) as detector, pytest.raises(error):
        verdicts.extend(detector.stream(images()))

    assert len(verdicts) == 5


def test_many_requests_of_one_call_are_under_way_at_once_but_not_more_than_told(connect, server):
    meeting, answer = threading.Barrier(3), server.predict

    def predict(request, context):
        meeting.wait(10)
        return answer(request, context)

    server.predict = predict  # whoever comes waits until three are there; a fourth would be one too many at the end
    with connect(server.address, options=Options(max_batch=1, in_flight=3)) as detector:
        assert len(detector.detect([b"image"] * 6)) == 6
