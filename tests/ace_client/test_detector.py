"""What `Detector` and `AsyncDetector` both promise."""

import math
import threading

import grpc
import numpy as np
import pytest
from google.protobuf.wrappers_pb2 import Int64Value

from ace_client import (
    CallError,
    DeadlineExceeded,
    ModelNotFound,
    Options,
    ServerUnavailable,
    UnexpectedAnswer,
    Verdict,
    VersionStatus,
)
from ace_client.protos.serving_pb2 import GetModelStatusResponse, ModelVersionStatus, PredictResponse, StatusProto


def test_paths_bytes_and_arrays_are_answered_in_their_order(connect, server, tmp_path):
    path = tmp_path / "face.jpg"
    path.write_bytes(bytes(750))
    array = np.zeros((10, 10, 3), np.uint8)  # a BMP of 54 + 10 × 32 bytes

    with connect(server.address) as detector:
        verdicts = detector.detect([path, bytes(250), array, str(path)])

    assert verdicts == [
        Verdict(0.75, "fake", 7),
        Verdict(0.25, "real", 7),
        Verdict(pytest.approx(0.374), "real", 7),
        Verdict(0.75, "fake", 7),
    ]
    assert [verdict.fake for verdict in verdicts] == [True, False, False, True]


def test_one_image_has_a_list_of_one(connect, server):
    with connect(server.address) as detector:
        assert detector.detect(bytes(250)) == [Verdict(0.25, "real", 7)]


def test_no_images_cost_no_request(connect, server):
    with connect(server.address) as detector:
        assert detector.detect([]) == []

    assert server.requests == []


def test_many_images_are_split_and_keep_their_order(connect, server):
    images = [bytes(size) for size in range(100)]

    with connect(server.address, options=Options(max_batch=32)) as detector:
        verdicts = detector.detect(images)

    assert [round(verdict.prob_fake * 1000) for verdict in verdicts] == list(range(100))
    assert sorted(len(request.inputs["image_bytes"].string_val) for request in server.requests) == [4, 32, 32, 32]


def test_images_too_large_for_one_message_are_split(connect, server):
    images = [bytes(20 * 2**20) for _ in range(3)]

    with connect(server.address, deadline_s=60) as detector:
        assert len(detector.detect(images)) == 3

    assert len(server.requests) == 3


@pytest.mark.parametrize("position", [0, 1, 2])
def test_a_missing_file_spoils_only_its_own_verdict(connect, server, tmp_path, position):
    images = [bytes(250), bytes(250), bytes(250)]
    images[position] = tmp_path / "gone.jpg"

    with connect(server.address) as detector:
        verdicts = detector.detect(images)

    gone = verdicts.pop(position)
    assert math.isnan(gone.prob_fake)
    assert (gone.label, gone.version) == ("", None)
    assert gone.error == f"cannot read {tmp_path / 'gone.jpg'}: No such file or directory"
    assert verdicts == [Verdict(0.25, "real", 7)] * 2


def test_files_that_are_all_missing_are_no_call(connect, free_address):
    with connect(free_address) as detector:
        assert [verdict.error for verdict in detector.detect(["gone.jpg"])] == [
            "cannot read gone.jpg: No such file or directory"
        ]


def test_what_the_server_says_of_an_image_is_in_its_verdict(connect, server):
    def answer(request, context):
        response = server_answer(request, context)
        response.outputs["prob_fake"].float_val[1] = math.nan
        response.outputs["label"].string_val[1] = b""
        response.outputs["error"].string_val[1] = b"no image"
        return response

    server_answer, server.predict = server.predict, answer
    with connect(server.address) as detector:
        first, second, third = detector.detect([bytes(250)] * 3)

    assert first == third == Verdict(0.25, "real", 7)
    assert math.isnan(second.prob_fake)
    assert (second.label, second.version, second.error) == ("", 7, "no image")


def test_a_version_can_be_pinned(connect, server):
    with connect(server.address) as detector:
        assert detector.detect(bytes(250), version=3) == [Verdict(0.25, "real", 3)]

    assert server.requests[0].model_spec.version == Int64Value(value=3)


def test_a_label_can_be_pinned(connect, server):
    with connect(server.address, model="other") as detector:
        detector.detect(bytes(250), label="canary")

    assert server.requests[0].model_spec.version_label == "canary"
    assert server.requests[0].model_spec.name == "other"


def test_a_server_that_is_not_there_is_unavailable(connect, free_address):
    with connect(free_address) as detector, pytest.raises(ServerUnavailable, match=f"detector at {free_address}"):
        detector.detect(b"jpeg")


def test_a_slow_server_meets_the_deadline(connect, server):
    answered = threading.Event()
    server.predict = lambda _request, _context: answered.wait(10)

    with (
        connect(server.address, deadline_s=0.2) as detector,
        pytest.raises(DeadlineExceeded, match=r"within the deadline of 0\.2 s"),
    ):
        detector.detect(b"jpeg")
    answered.set()


def test_the_deadline_is_one_for_all_requests_of_a_call(connect, server):
    remaining_s = []

    def answer(request, context):
        remaining_s.append(context.time_remaining())
        threading.Event().wait(0.4)
        return server_answer(request, context)

    server_answer, server.predict = server.predict, answer
    with connect(server.address, options=Options(max_batch=1, in_flight=1)) as detector:
        detector.detect([b"1", b"2", b"3"], deadline_s=4)

    first_s, second_s, third_s = remaining_s  # gRPC rounds them on the wire, by up to 3 %
    assert first_s > second_s + 0.2 > third_s + 0.4


def test_a_deadline_that_ends_between_two_requests_is_exceeded(connect, server):
    def slow_images():
        yield b"1"
        threading.Event().wait(0.3)
        yield b"2"

    with connect(server.address, options=Options(max_batch=1)) as detector, pytest.raises(DeadlineExceeded):
        detector.detect(slow_images(), deadline_s=0.2)


@pytest.mark.parametrize("lacking", ["prob_fake", "label", "error"])
def test_an_answer_without_an_output_of_the_contract_says_so(connect, server, lacking):
    def answer(request, context):
        response = server_answer(request, context)
        del response.outputs[lacking]
        return response

    server_answer, server.predict = server.predict, answer
    with connect(server.address) as detector, pytest.raises(UnexpectedAnswer, match="Serve a model that ace-export"):
        detector.detect(b"jpeg")


def test_an_answer_with_another_number_of_values_says_so(connect, server):
    def answer(request, context):
        request.inputs["image_bytes"].string_val.append(b"one more")
        return server_answer(request, context)

    server_answer, server.predict = server.predict, answer
    with connect(server.address) as detector, pytest.raises(UnexpectedAnswer):
        detector.detect(b"jpeg")


def test_an_answer_of_another_model_names_its_outputs(connect, server):
    server.predict = lambda request, _context: PredictResponse(outputs={"y": request.inputs["image_bytes"]})

    with connect(server.address) as detector, pytest.raises(UnexpectedAnswer, match="was expected, y came"):
        detector.detect(b"jpeg")


def test_threads_may_share_a_detector(connect, server):
    answers = {}

    with connect(server.address, deadline_s=30) as detector:
        threads = [
            threading.Thread(target=lambda size=size: answers.update({size: detector.detect([bytes(size)] * 3)}))
            for size in range(16)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert {size: [round(each.prob_fake * 1000) for each in verdicts] for size, verdicts in answers.items()} == {
        size: [size] * 3 for size in range(16)
    }


def test_a_closed_detector_says_so(connect, server):
    detector = connect(server.address)
    detector.close()

    with pytest.raises(ValueError, match="closed"):
        detector.detect(b"jpeg")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"deadline_s": 0}, "a deadline of 0 s is over before it begins"),
        ({"deadline_s": math.nan}, "a deadline of nan s"),
        ({"address": "localhost"}, "'localhost' names no port"),
    ],
)
def test_impossible_arguments_are_refused(connect, arguments, message):
    with pytest.raises(ValueError, match=message):
        connect(**{"address": "127.0.0.1:1", **arguments})


@pytest.mark.parametrize("name", ["max_batch", "in_flight", "max_attempts", "channels"])
def test_options_begin_at_one(name):
    with pytest.raises(ValueError, match=f"{name} is 0"):
        Options(**{name: 0})


def test_status_lists_versions_with_their_states_and_errors(connect, server):
    server.model_status = lambda _request, _context: GetModelStatusResponse(
        model_version_status=[
            ModelVersionStatus(version=2, state="END", status=StatusProto(error_message="no such file")),
            ModelVersionStatus(version=1, state="AVAILABLE", status=StatusProto()),
        ]
    )

    with connect(server.address) as detector:
        assert detector.model_status() == [
            VersionStatus(1, "AVAILABLE"),
            VersionStatus(2, "END", "no such file"),
        ]


def test_status_of_an_unknown_model_is_not_found(connect, server):
    server.model_status = lambda _request, context: context.abort(grpc.StatusCode.NOT_FOUND, "Could not find any")

    with connect(server.address) as detector, pytest.raises(ModelNotFound):
        detector.model_status()


def test_waiting_ends_when_the_server_comes_up(connect, free_address, serve_later):
    serve_later(free_address, 0.5)

    with connect(free_address) as detector:
        detector.wait_ready(timeout_s=30)

        assert detector.detect(bytes(250)) == [Verdict(0.25, "real", 7)]


def test_waiting_ends_when_the_version_is_available(connect, server):
    states = iter([{1: "AVAILABLE"}, {1: "AVAILABLE", 2: "LOADING"}, {1: "AVAILABLE", 2: "AVAILABLE"}])
    server.model_status = lambda _request, _context: versions(next(states))

    with connect(server.address) as detector:
        detector.wait_ready(timeout_s=30, version=2)

    assert list(states) == []


def test_waiting_in_vain_says_what_was_in_the_way(connect, server, free_address):
    server.model_status = lambda _request, _context: versions({1: "AVAILABLE", 2: "LOADING"})

    with connect(server.address) as detector:
        with pytest.raises(CallError, match=r"not ready within 0\.2 s: version 2 is LOADING"):
            detector.wait_ready(timeout_s=0.2, version=2)
        with pytest.raises(CallError, match="no version 3 is there"):
            detector.wait_ready(timeout_s=0.2, version=3)
    with connect(free_address) as detector, pytest.raises(CallError, match="not ready") as raised:
        detector.wait_ready(timeout_s=1.0)  # enough to be refused on a busy machine
    assert isinstance(raised.value.__cause__, ServerUnavailable)


def versions(states: dict[int, str]) -> GetModelStatusResponse:
    return GetModelStatusResponse(
        model_version_status=[ModelVersionStatus(version=version, state=state) for version, state in states.items()]
    )
