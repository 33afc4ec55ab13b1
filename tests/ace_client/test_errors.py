import inspect
import re

import grpc
import pytest

from ace_client import (
    CallError,
    DeadlineExceeded,
    Detector,
    ModelNotFound,
    Overloaded,
    RequestRejected,
    ServerFailure,
    ServerUnavailable,
    errors,
)

ERROR_CODES = [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK]


def answer_with(code: grpc.StatusCode, message: str):
    return lambda _request, context: context.abort(code, message)


@pytest.mark.parametrize("code", ERROR_CODES, ids=lambda code: code.name)
def test_every_status_of_grpc_becomes_an_error_of_ours(server, code):
    server.predict = answer_with(code, "what happened")

    with Detector(server.address) as detector, pytest.raises(CallError) as raised:
        detector.detect(b"jpeg")

    assert type(raised.value) is not CallError
    assert raised.value.status == code.name
    assert isinstance(raised.value.__cause__, grpc.RpcError)
    assert f"detector at {server.address}" in str(raised.value)


def test_a_call_whose_time_was_up_before_it_was_sent_says_so(server):
    with Detector(server.address) as detector, pytest.raises(DeadlineExceeded, match="was not asked within"):
        detector.detect(b"jpeg", deadline_s=1e-9)

    assert server.requests == []


@pytest.mark.parametrize(
    ("code", "message", "kind"),
    [
        (grpc.StatusCode.UNAVAILABLE, "The server is going down", ServerUnavailable),
        (
            grpc.StatusCode.UNAVAILABLE,
            "The batch scheduling queue to which this task was submitted is full; currently 4 batches enqueued and "
            "max_enqueued_batches is 4",
            Overloaded,
        ),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "Server Threadpool Exhausted", Overloaded),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "SERVER: Received message larger than max (9 vs. 4)", RequestRejected),
        (grpc.StatusCode.NOT_FOUND, "Servable not found for request: Specific(detector, 9)", ModelNotFound),
        (grpc.StatusCode.INVALID_ARGUMENT, "Unrecognized servable version label: canary", ModelNotFound),
        (grpc.StatusCode.INVALID_ARGUMENT, "input size does not match signature: 1!=2", RequestRejected),
        (grpc.StatusCode.UNIMPLEMENTED, "Method not found!", RequestRejected),
        (grpc.StatusCode.INTERNAL, "out of memory", ServerFailure),
        (grpc.StatusCode.DEADLINE_EXCEEDED, "the server's own limit", DeadlineExceeded),
    ],
)
def test_tensorflow_servings_messages_tell_errors_of_one_status_apart(server, code, message, kind):
    server.predict = answer_with(code, message)

    with Detector(server.address) as detector, pytest.raises(kind) as raised:
        detector.predict("detector", "serving_default", {"image_bytes": [b"jpeg"]})

    assert message in str(raised.value) or kind is DeadlineExceeded


def test_the_drawn_tree_is_the_tree():
    drawn = re.findall(r"[├└]── (\w+)", errors.__doc__)
    classes = [
        name for name, each in vars(errors).items() if inspect.isclass(each) and issubclass(each, errors.AceError)
    ]

    assert ["AceError", *drawn] == classes
