"""The spans of calls to a real port, and the trace context that arrives there."""

import asyncio
import subprocess
import sys
from itertools import count

import grpc
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from ace_client import AsyncDetector, CallError, Detector, Options, Outcome, Start, otel
from ace_client.protos.serving_pb2 import PredictResponse


@pytest.fixture
def exporter():
    return InMemorySpanExporter()


@pytest.fixture
def provider(exporter):
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider


@pytest.fixture
def options(provider):
    return Options(max_batch=2, hooks=(otel.hook(provider),))


@pytest.fixture
def arrived(server):
    """The traceparent of each request that the server got; the first is refused."""
    seen, numbers, answer = [], count(1), server.predict

    def predict(request, context):
        seen.append(dict(context.invocation_metadata()).get("traceparent"))
        if next(numbers) == 1:
            context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
        return answer(request, context)

    server.predict = predict
    return seen


def test_a_request_is_a_client_span_with_an_event_an_attempt(connect, server, options, exporter, arrived):
    with connect(server.address, deadline_s=20, options=options) as detector:
        detector.detect(b"image")

    [span] = exporter.get_finished_spans()
    assert (span.name, span.kind) == ("tensorflow.serving.PredictionService/Predict", trace.SpanKind.CLIENT)
    assert dict(span.attributes) == {
        "rpc.system.name": "grpc",
        "rpc.method": "tensorflow.serving.PredictionService/Predict",
        "rpc.response.status_code": "OK",
        "server.address": "127.0.0.1",
        "server.port": int(server.address.rpartition(":")[2]),
        "ace_client.model": "detector",
        "ace_client.images": 1,
        "ace_client.deadline_s": 20,
        "ace_client.attempts": 2,
    }
    assert span.status.is_unset
    assert [(event.name, event.attributes["rpc.response.status_code"]) for event in span.events] == [
        ("ace_client.attempt", "UNAVAILABLE"),
        ("ace_client.attempt", "OK"),
    ]
    context = span.get_span_context()
    traceparent = f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
    assert arrived == [traceparent] * 2


def in_threads(address, options, images):
    with Detector(address, deadline_s=20, options=options) as detector:
        detector.detect(images)


def in_tasks(address, options, images):
    async def call():
        async with AsyncDetector(address, deadline_s=20, options=options) as detector:
            await detector.detect(images)

    asyncio.run(call())


@pytest.mark.parametrize("detect", [in_threads, in_tasks])
def test_all_requests_of_a_call_are_children_of_the_span_around_it(
    server, options, exporter, provider, arrived, detect
):
    with provider.get_tracer("test").start_as_current_span("upload") as upload:
        detect(server.address, options, [b"1", b"2", b"3", b"4", b"5"])

    context = upload.get_span_context()
    children = [span for span in exporter.get_finished_spans() if span.parent]
    assert [span.parent.span_id for span in children] == [context.span_id] * 3
    assert [each[3:35] for each in arrived] == [f"{context.trace_id:032x}"] * 4  # one of them twice


def test_a_failed_request_is_an_error_by_its_status(connect, server, options, exporter):
    server.predict = lambda _request, context: context.abort(grpc.StatusCode.INTERNAL, "broken")

    with connect(server.address, options=options) as detector, pytest.raises(CallError):
        detector.detect(b"image")

    [span] = exporter.get_finished_spans()
    assert span.status.status_code is trace.StatusCode.ERROR
    assert "broken" in span.status.description
    assert span.attributes["error.type"] == span.attributes["rpc.response.status_code"] == "INTERNAL"


def test_an_answer_that_is_not_the_contract_is_an_error_without_a_status_of_grpc(connect, server, options, exporter):
    server.predict = lambda _request, _context: PredictResponse()

    with connect(server.address, options=options) as detector, pytest.raises(CallError):
        detector.detect(b"image")

    [span] = exporter.get_finished_spans()
    assert span.attributes["error.type"] == "BAD_ANSWER"
    assert "rpc.response.status_code" not in span.attributes


@pytest.mark.parametrize(
    ("address", "server_address", "server_port"),
    [
        ("dns:///detector.test:8500", "detector.test", 8500),
        ("[::1]:8500", "::1", 8500),
        ("ipv4:127.0.0.1:1,127.0.0.1:2", "ipv4:127.0.0.1:1,127.0.0.1:2", None),
        ("unix:/run/ace.sock", "unix:/run/ace.sock", None),
    ],
)
def test_the_server_is_named_by_host_and_port_where_it_is_one(provider, exporter, address, server_address, server_port):
    start = Start("tensorflow.serving.PredictionService", "Predict", "detector", address, 1.0, 1)
    otel.hook(provider)(start).ended(Outcome("OK", 1, 0, 0, 0))

    [span] = exporter.get_finished_spans()
    assert (span.attributes["server.address"], span.attributes.get("server.port")) == (server_address, server_port)


def test_without_an_sdk_a_context_that_came_in_is_passed_on(server, arrived):
    program = f"""
import sys
sys.modules["opentelemetry.sdk"] = None
from opentelemetry import context, propagate
from ace_client import Detector, Options, otel

with Detector({server.address!r}, deadline_s=20, options=Options(hooks=(otel.hook(),))) as detector:
    detector.detect(b"image")
    context.attach(propagate.extract({{"traceparent": "00-{"a" * 32}-{"b" * 16}-01"}}))
    detector.detect(b"image")
"""
    subprocess.run([sys.executable, "-c", program], check=True)

    assert arrived == [None, None, f"00-{'a' * 32}-{'b' * 16}-01"]
