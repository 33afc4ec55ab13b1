"""OpenTelemetry spans of a detector's requests: `pip install 'ace-detector[otel]'`.

    from ace_client import Detector, Options, otel

    detector = Detector("127.0.0.1:8500", options=Options(hooks=(otel.hook(),)))

Each request is a span of kind CLIENT, child of the span that is current where the detector is called, named and
described by OpenTelemetry's conventions for RPC, with an event an attempt. The server gets the context by whatever
propagator the application has set, which without any choice is W3C's `traceparent`. What becomes of the spans is for
the application's SDK to say; without one nothing is recorded, and an incoming context is still passed on.

A `detect` of many images is several requests, and so several spans: begin one around it to see them as one.
"""

from typing import Final

import grpc

try:
    from opentelemetry import propagate, trace
except ImportError as error:
    raise ImportError("ace_client.otel needs opentelemetry: pip install 'ace-detector[otel]'") from error

from .errors import CallError
from .hooks import Attempt, Hook, Outcome, Start, Watcher
from .security import host_of

_EVENT: Final = "ace_client.attempt"


def hook(tracer_provider: trace.TracerProvider | None = None) -> Hook:
    """What a detector is to be given in `Options.hooks`; the provider is the global one where none is named."""
    tracer = trace.get_tracer("ace_client", tracer_provider=tracer_provider)
    return lambda start: _Request(tracer, start)


class _Request(Watcher):
    def __init__(self, tracer: trace.Tracer, start: Start) -> None:
        self._span = tracer.start_span(
            f"{start.service}/{start.method}", kind=trace.SpanKind.CLIENT, attributes=_attributes(start)
        )
        carrier: dict[str, str] = {}
        propagate.inject(carrier, trace.set_span_in_context(self._span))
        self.metadata = tuple((name.lower(), value) for name, value in carrier.items())  # gRPC takes no capitals

    def attempt_ended(self, attempt: Attempt) -> None:
        self._span.add_event(
            _EVENT,
            {
                "ace_client.attempt.number": attempt.number,
                "ace_client.attempt.wait_s": attempt.wait_s,
                "ace_client.attempt.hedged": attempt.hedged,
                "rpc.response.status_code": attempt.status,
            },
        )

    def ended(self, outcome: Outcome) -> None:
        if outcome.status in grpc.StatusCode.__members__:  # not what is wrong with an answer that came
            self._span.set_attribute("rpc.response.status_code", outcome.status)
        self._span.set_attribute("ace_client.attempts", outcome.attempts)
        if outcome.error is not None:
            kind = outcome.status if isinstance(outcome.error, CallError) else type(outcome.error).__name__
            self._span.set_attribute("error.type", kind)
            self._span.set_status(trace.StatusCode.ERROR, str(outcome.error))
        self._span.end()


def _attributes(start: Start) -> dict[str, str | int | float]:
    found: dict[str, str | int | float] = {
        "rpc.system.name": "grpc",
        "rpc.method": f"{start.service}/{start.method}",
        "server.address": start.address,
        "ace_client.model": start.model,
        "ace_client.images": start.images,
        "ace_client.deadline_s": start.deadline_s,
    }
    endpoint = start.address.rpartition("/")[2]  # dns:///host:port
    port = endpoint.rpartition(":")[2]
    if port.isdecimal() and not start.address.startswith(("ipv4:", "ipv6:", "unix")):
        found |= {"server.address": host_of(endpoint), "server.port": int(port)}
    return found
