"""A span a call, and below it how long it was queued and how long each of its runs took.

Attributes are those of OpenTelemetry's semantic conventions for RPC and HTTP servers, and `ace_server.*` for what they
do not know. Where to, which share, and as which service: the SDK reads OTEL_* from the environment.
"""

import asyncio
import re
from collections.abc import Mapping
from importlib.metadata import version
from typing import Final

from opentelemetry import propagate
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, StatusCode, format_trace_id, set_span_in_context
from opentelemetry.util.types import AttributeValue

from .calls import Account

_FLUSH_S: Final = 2.0  # for spans that have not left when the server ends; a collector that is away must not hold it
_NS: Final = 1e9
_SERVERS_FAULT: Final = {"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"}
_NAMED: Final = re.compile(r"/(model|version|label)s/[^/:]+", re.IGNORECASE)
_ROUTE: Final = re.compile(
    r"/v1/models/{model}(/versions/{version}|/labels/{label})?(/metadata|:(classify|regress|predict))?", re.IGNORECASE
)

_Attributes = dict[str, AttributeValue]


class Spans:
    """Begins and ends the spans of calls, and sends them to an OTLP collector from a thread of its own."""

    def __init__(self) -> None:
        ours = Resource({"service.name": "ace_server", "service.version": version("ace-detector")})
        resource = Resource.create(ours.merge(OTELResourceDetector().detect()).attributes)
        self._exporter = OTLPSpanExporter()
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter))
        self._tracer = self._provider.get_tracer("ace_server")

    def begin(self, call: Account, headers: Mapping[str, str | bytes]) -> None:
        """Open the call's span, in the caller's trace where its headers name one.

        Of HTTP requests those to the API: probes, metrics and the page would hide them.
        """
        verb, _, path = call.method.rpartition(" ")
        if verb and not path.lower().startswith("/v1/"):
            return
        name, attributes = _http(verb, path) if verb else _rpc(path)
        call.span = self._tracer.start_span(
            name,
            propagate.extract(headers),
            SpanKind.SERVER,
            {**attributes, "ace_server.request_id": call.request_id},
        )
        call.trace_id = format_trace_id(call.span.get_span_context().trace_id)

    def end(self, call: Account, status: str, ended_s: float) -> None:
        """Close the call's span, with what is known by now, and those below it. `status` is the transport's own."""
        span = call.span
        if span is None or not span.is_recording():
            return
        span.set_attributes(_served(call))
        _set_status(span, status)
        began_ns = span.start_time  # type: ignore[attr-defined]  # of spans that record

        def nanoseconds(time_s: float) -> int:
            return int(began_ns + (time_s - call.started_s) * _NS)

        below = set_span_in_context(span)
        for queued_s, started_s, run_ended_s in call.runs:
            for name, from_s, to_s in (("queue", queued_s, started_s), ("run", started_s, run_ended_s)):
                part = self._tracer.start_span(name, below, start_time=nanoseconds(from_s))
                part.end(nanoseconds(to_s))
        span.end(nanoseconds(ended_s))

    async def close(self) -> None:
        """Send what has not been sent; a collector that does not answer gets no more of it than a moment's."""
        closing = asyncio.get_running_loop().run_in_executor(None, self._provider.shutdown)
        await asyncio.wait({closing}, timeout=_FLUSH_S)
        if not closing.done():
            self._exporter.shutdown()  # breaks off what it waits for
        await closing


def _rpc(path: str) -> tuple[str, _Attributes]:
    method = path.lstrip("/")
    return method, {"rpc.system.name": "grpc", "rpc.method": method}


def _http(verb: str, path: str) -> tuple[str, _Attributes]:
    attributes: _Attributes = {"http.request.method": verb, "url.path": path}
    route = _NAMED.sub(lambda found: f"/{found[1].lower()}s/{{{found[1].lower()}}}", path)
    if not _ROUTE.fullmatch(route):
        return verb, attributes
    return f"{verb} {route}", {**attributes, "http.route": route}


def _served(call: Account) -> _Attributes:
    known = {"model": call.model, "version": call.version, "signature": call.signature, "rows": call.rows}
    return {f"ace_server.{name}": value for name, value in known.items() if value not in (None, "")}


def _set_status(span: Span, status: str) -> None:
    """The status as the conventions have it; an error on the span where it is the server's."""
    if not status.isdecimal():
        failed = status in _SERVERS_FAULT
        span.set_attribute("rpc.response.status_code", status)
    elif http_status := int(status):  # 0 where the caller went before there was an answer
        failed = http_status >= 500
        span.set_attribute("http.response.status_code", http_status)
    else:
        failed = False
    if failed:
        span.set_status(StatusCode.ERROR)
        span.set_attribute("error.type", status)
