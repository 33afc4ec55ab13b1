"""Request ids and the access log, of a real server that asks for tokens."""

import json
import re
import time

import grpc
import httpx
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

TOKEN = ("authorization", "Bearer secret")


@pytest.fixture(scope="module")
def server(serve, probe_path, tmp_path_factory):
    """A server that logs every call as JSON."""
    tokens = tmp_path_factory.mktemp("tokens") / "tokens"
    tokens.write_text("secret\n")
    flags = ["--model_name=probe", "--rest_api_port=-1", "--log_format=json", "--access_log_sampling_rate=1"]
    return serve(probe_path.parent, *flags, "--enable_batching", f"--bearer_token_file={tokens}")


@pytest.fixture(scope="module")
def stub(server):
    """The server over gRPC."""
    with grpc.insecure_channel(server.address) as channel:
        yield prediction_service_pb2_grpc.PredictionServiceStub(channel)


@pytest.fixture(scope="module")
def client(server):
    """The server over REST."""
    with httpx.Client(base_url=server.rest_url, headers=[TOKEN]) as client:
        yield client


def request(dtype=np.float32):
    made = predict_pb2.PredictRequest()
    made.model_spec.name = "probe"
    made.inputs["x"].CopyFrom(tf.make_tensor_proto(np.array([1, 2, 3], dtype)))
    return made


def predict(stub, *metadata, **keywords):
    """The request id that comes back, and the status."""
    call = stub.Predict.with_call
    try:
        _, answered = call(request(**keywords), metadata=metadata, timeout=30)
    except grpc.RpcError as error:
        answered = error
    return dict(answered.trailing_metadata())["x-request-id"], answered.code().name


def logged(server, request_id):
    """What the server logged with this id."""
    deadline_s = time.monotonic() + 30
    while time.monotonic() < deadline_s:
        lines = [line for line in server.stderr_text().splitlines() if line.startswith("{")]
        for entry in map(json.loads, lines):
            if entry.get("request_id") == request_id:
                return entry
        time.sleep(0.05)
    raise TimeoutError(f"nothing about {request_id} in the log:\n{server.stderr_text()}")


def test_a_grpc_call_is_logged_under_the_id_that_it_came_with(server, stub):
    assert predict(stub, TOKEN, ("x-request-id", "order-17/a")) == ("order-17/a", "OK")

    entry = logged(server, "order-17/a")
    assert (entry["logger"], entry["message"]) == (
        "ace_server.access",
        "/tensorflow.serving.PredictionService/Predict",
    )
    assert (entry["status"], entry["model"], entry["version"], entry["rows"]) == ("OK", "probe", 1, 3)
    assert entry["request_bytes"] == request().ByteSize()
    assert entry["response_bytes"] > 0
    assert entry["ms"] >= entry["run_ms"] > 0
    assert entry["queue_ms"] >= 0
    assert entry["peer"].startswith("ipv4:127.0.0.1:")


def test_a_call_of_a_trace_is_logged_with_the_traces_id(server, stub, client):
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    header = ("traceparent", f"00-{trace_id}-00f067aa0ba902b7-01")
    predict(stub, TOKEN, header, ("x-request-id", "traced"))
    client.get("/v1/models/probe", headers=[header, ("x-request-id", "web-traced")])

    assert (logged(server, "traced")["trace_id"], logged(server, "web-traced")["trace_id"]) == (trace_id, trace_id)


@pytest.mark.parametrize("traceparent", ["", f"00-{0:032x}-00f067aa0ba902b7-01", "00-4bf92f3577b34da6-01"])
def test_a_call_of_no_trace_is_logged_without_one(server, stub, traceparent):
    request_id, _ = predict(stub, TOKEN, ("traceparent", traceparent))

    assert "trace_id" not in logged(server, request_id)


@pytest.mark.parametrize("sent", [[], [("x-request-id", "two words")], [("x-request-id", "long" * 100)]])
def test_a_call_without_a_sane_id_is_given_one(server, stub, sent):
    request_id, _ = predict(stub, TOKEN, *sent)

    assert re.fullmatch("[0-9a-f]{32}", request_id)
    assert logged(server, request_id)["status"] == "OK"


def test_a_call_that_fails_has_its_id_too(server, stub):
    assert predict(stub, TOKEN, ("x-request-id", "bad"), dtype=np.int32) == ("bad", "INVALID_ARGUMENT")
    assert logged(server, "bad")["status"] == "INVALID_ARGUMENT"


def test_a_call_that_is_turned_away_is_logged(server, stub, client):
    assert predict(stub, ("x-request-id", "stranger")) == ("stranger", "UNAUTHENTICATED")
    httpx.get(f"{client.base_url}/v1/models/probe", headers={"x-request-id": "web-stranger"})

    assert logged(server, "stranger")["status"] == "UNAUTHENTICATED"
    assert logged(server, "web-stranger")["status"] == "401"


def test_a_rest_call_is_logged_under_the_id_that_it_came_with(server, client):
    path, body = "/v1/models/probe/versions/1:predict", '{"instances": [1, 2]}'
    answer = client.post(path, content=body, headers={"x-request-id": "web-1"})

    entry = logged(server, "web-1")
    assert answer.headers["x-request-id"] == "web-1"
    assert (entry["message"], entry["status"]) == (f"POST {path}", "200")
    assert (entry["model"], entry["version"], entry["rows"]) == ("probe", 1, 2)
    assert (entry["request_bytes"], entry["response_bytes"]) == (len(body), len(answer.content))
    assert entry["peer"].startswith("127.0.0.1:")


def test_a_rest_call_that_fails_has_its_id_too(server, client):
    request_id = client.get("/v1/models/nobody").headers["x-request-id"]

    assert logged(server, request_id)["status"] == "404"
