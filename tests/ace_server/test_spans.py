"""The spans of a real server, as a collector gets them over OTLP."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import httpx
import numpy as np
import pytest
import tensorflow as tf
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from tensorflow_serving.apis import (
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

TIMEOUT_S = 30
PREDICT = "tensorflow.serving.PredictionService/Predict"


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """An OTLP collector that keeps what it gets."""

    def __init__(self):
        self._spans = []
        self._arrived = threading.Condition()
        self.resources = []

    def Export(self, request, context):  # noqa: N802 - the protocol's name
        with self._arrived:
            for group in request.resource_spans:
                self.resources.append(attributes_of(group.resource))
                self._spans += [span for scope in group.scope_spans for span in scope.spans]
            self._arrived.notify_all()
        return trace_service_pb2.ExportTraceServiceResponse()

    def trace(self, trace_id):
        """The span of the one call of a trace, and those below it, once they have all arrived."""

        def arrived():
            return [span for span in self._spans if span.trace_id.hex() == trace_id]

        with self._arrived:  # the call's own span is the last one to leave
            whole = self._arrived.wait_for(
                lambda: any(span.kind == Span.SPAN_KIND_SERVER for span in arrived()), TIMEOUT_S
            )
            assert whole, f"no span of trace {trace_id} has arrived"
            [call] = [span for span in arrived() if span.kind == Span.SPAN_KIND_SERVER]
            return call, [span for span in arrived() if span is not call]

    def seen(self):
        """Names and traces of all spans so far."""
        with self._arrived:
            return {span.name for span in self._spans}, {span.trace_id.hex() for span in self._spans}


def attributes_of(message):
    return {item.key: getattr(item.value, item.value.WhichOneof("value")) for item in message.attributes}


@pytest.fixture(scope="module")
def collector():
    server = grpc.server(ThreadPoolExecutor(1))
    collector = Collector()
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(collector, server)
    collector.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    yield collector
    server.stop(None)


@pytest.fixture(scope="module")
def server(serve, probe_path, collector):
    """A server that sends its spans at once."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://{collector.address}")
        environment.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
        environment.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
        flags = ["--model_name=probe", "--rest_api_port=-1", "--log_format=json", "--access_log_sampling_rate=1"]
        fails_at_once = ["--model_roots=/", "--max_num_load_retries=0"]
        return serve(probe_path.parent, *flags, *fails_at_once)


@pytest.fixture(scope="module")
def stub(server):
    with grpc.insecure_channel(server.address) as channel:
        yield prediction_service_pb2_grpc.PredictionServiceStub(channel)


@pytest.fixture(scope="module")
def client(server):
    with httpx.Client(base_url=server.rest_url, timeout=TIMEOUT_S) as client:
        yield client


def request(dtype=np.float32):
    made = predict_pb2.PredictRequest()
    made.model_spec.name = "probe"
    made.inputs["x"].CopyFrom(tf.make_tensor_proto(np.array([1, 2, 3], dtype)))
    return made


class Trace:
    """A caller's trace: what it sends, and what comes of it."""

    def __init__(self, number, sampled=True):
        self.id, self.parent = f"{number:032x}", f"{number:016x}"
        self.header = ("traceparent", f"00-{self.id}-{self.parent}-{sampled:02x}")


def logged_trace_id(server, request_id):
    """The trace id in the access log's line about a call."""
    deadline_s = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline_s:
        for line in server.stderr_text().splitlines():
            if line.startswith("{") and (entry := json.loads(line)).get("request_id") == request_id:
                return entry["trace_id"]
        time.sleep(0.05)
    raise TimeoutError(f"nothing about {request_id} in the log:\n{server.stderr_text()}")


def test_a_grpc_call_is_a_span_of_its_callers_trace(collector, stub):
    trace = Trace(1)
    stub.Predict(request(), metadata=[trace.header, ("x-request-id", "order-17")], timeout=TIMEOUT_S)

    span, _ = collector.trace(trace.id)
    assert (span.name, span.parent_span_id.hex()) == (PREDICT, trace.parent)
    assert attributes_of(span) == {
        "rpc.system.name": "grpc",
        "rpc.method": PREDICT,
        "rpc.response.status_code": "OK",
        "ace_server.request_id": "order-17",
        "ace_server.model": "probe",
        "ace_server.version": 1,
        "ace_server.signature": "serving_default",
        "ace_server.rows": 3,
    }
    assert span.status.code == Status.STATUS_CODE_UNSET


def test_queueing_and_running_are_spans_below_the_calls(collector, stub):
    trace = Trace(2)
    stub.Predict(request(), metadata=[trace.header], timeout=TIMEOUT_S)

    call, parts = collector.trace(trace.id)
    queue, run = parts
    assert (queue.name, run.name) == ("queue", "run")
    assert {part.parent_span_id for part in parts} == {call.span_id}
    times = [call.start_time_unix_nano, queue.start_time_unix_nano, queue.end_time_unix_nano]
    times += [run.start_time_unix_nano, run.end_time_unix_nano, call.end_time_unix_nano]
    assert times == sorted(times)
    assert abs(times[0] / 1e9 - time.time()) < TIMEOUT_S


def test_a_rest_call_is_a_span_of_its_callers_trace(collector, client):
    trace, path = Trace(3), "/v1/models/probe/versions/1:predict"
    client.post(path, json={"instances": [1, 2]}, headers=[trace.header])

    span, parts = collector.trace(trace.id)
    known, route = attributes_of(span), "/v1/models/{model}/versions/{version}:predict"
    assert (span.name, span.parent_span_id.hex()) == (f"POST {route}", trace.parent)
    assert (known["http.request.method"], known["http.route"], known["url.path"]) == ("POST", route, path)
    assert (known["http.response.status_code"], known["ace_server.model"], known["ace_server.rows"]) == (
        200,
        "probe",
        2,
    )
    assert [part.name for part in parts] == ["queue", "run"]


def test_what_the_caller_did_wrong_is_no_error_of_the_server(collector, stub):
    trace = Trace(4)
    with pytest.raises(grpc.RpcError):
        stub.Predict(request(np.int32), metadata=[trace.header], timeout=TIMEOUT_S)
    span, _ = collector.trace(trace.id)

    assert attributes_of(span)["rpc.response.status_code"] == "INVALID_ARGUMENT"
    assert span.status.code == Status.STATUS_CODE_UNSET


def test_what_the_server_could_not_do_is_an_error(collector, server, probe_path, tmp_path):
    trace = Trace(5)
    (tmp_path / "broken" / "1").mkdir(parents=True)
    reload = model_management_pb2.ReloadConfigRequest()
    for path in (probe_path.parent, tmp_path / "broken"):
        reload.config.model_config_list.config.add(name=path.name, base_path=str(path), model_platform="tensorflow")
    with grpc.insecure_channel(server.address) as channel:
        stub = model_service_pb2_grpc.ModelServiceStub(channel)
        with pytest.raises(grpc.RpcError):
            stub.HandleReloadConfigRequest(reload, metadata=[trace.header], timeout=TIMEOUT_S)
    span, _ = collector.trace(trace.id)

    assert span.name == "tensorflow.serving.ModelService/HandleReloadConfigRequest"
    assert (span.status.code, attributes_of(span)["error.type"]) == (Status.STATUS_CODE_ERROR, "UNKNOWN")


def test_a_call_without_a_trace_begins_one_that_its_log_line_names(collector, server, stub):
    stub.Predict(request(), metadata=[("x-request-id", "alone")], timeout=TIMEOUT_S)

    span, _ = collector.trace(logged_trace_id(server, "alone"))
    assert span.parent_span_id == b""


def test_the_log_line_of_a_call_names_its_callers_trace(server, stub):
    trace = Trace(6, sampled=False)
    stub.Predict(request(), metadata=[trace.header, ("x-request-id", "joined")], timeout=TIMEOUT_S)

    assert logged_trace_id(server, "joined") == trace.id


def test_what_the_caller_does_not_sample_and_probes_are_no_spans(collector, stub, client):
    unsampled, last = Trace(7, sampled=False), Trace(8)
    stub.Predict(request(), metadata=[unsampled.header], timeout=TIMEOUT_S)
    for path in ("/healthz", "/readyz", "/monitoring/prometheus/metrics", "/", "/status.json"):
        client.get(path)
    client.get("/v1/models/probe", headers=[last.header])
    collector.trace(last.id)

    names, traces = collector.seen()
    assert unsampled.id not in traces
    assert not [name for name in names if name.startswith("GET ") and name != "GET /v1/models/{model}"]


def test_spans_say_which_service_they_are_of(collector, stub):
    trace = Trace(9)
    stub.Predict(request(), metadata=[trace.header], timeout=TIMEOUT_S)
    collector.trace(trace.id)

    resource = collector.resources[-1]
    assert (resource["service.name"], resource["deployment.environment.name"]) == ("ace_server", "test")


def test_a_server_whose_collector_is_away_answers_and_ends(serve, probe_path):
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
        server = serve(probe_path.parent, "--model_name=probe")
    with grpc.insecure_channel(server.address) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        stub.Predict(request(), timeout=TIMEOUT_S)

    assert server.stop() == 0
