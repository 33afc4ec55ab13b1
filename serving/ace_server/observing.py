"""Every call of either transport, observed from outside: a request id to and fro, the access log.

The observers stand before the guards, so that calls that these refuse are seen too. A call of which nothing is told
costs an id and a few assignments.
"""

import inspect
import logging
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import grpc
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from . import calls

_access_log = logging.getLogger("ace_server.access")
_Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any] | None"
_Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]


@dataclass(frozen=True)
class Observer:
    """What is told of a call when it ends."""

    access_log_sampling_rate: float = 0.0  # share of calls; of those that failed all, where it is not 0

    def ended(self, call: calls.Account, status: str, details: Callable[[], dict[str, Any]], *, failed: bool) -> None:
        """A call has ended; `details` is asked for what is known only of this transport, where it is needed."""
        ended_s = time.monotonic()
        if self.access_log_sampling_rate and (failed or random.random() < self.access_log_sampling_rate):
            _access_log.info("%s", call.method, extra={"fields": {**_fields(call, ended_s, status), **details()}})


def _fields(call: calls.Account, ended_s: float, status: str) -> dict[str, Any]:
    fields = {
        "status": status,
        "ms": round((ended_s - call.started_s) * 1000, 3),
        "model": call.model,
        "version": call.version,
        "rows": call.rows,
    }
    if call.runs:
        fields["queue_ms"] = round(max(started - queued for queued, started, _ in call.runs) * 1000, 3)
        fields["run_ms"] = round(max(ended - started for _, started, ended in call.runs) * 1000, 3)
    return {name: value for name, value in fields.items() if value not in (None, "")}


class GrpcObserver(grpc.aio.ServerInterceptor):
    """Observes calls of one request and one answer, and those that a guard refuses."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[_Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> _Handler:
        """The call's handler, observed."""
        metadata = dict(handler_call_details.invocation_metadata or ())
        call = calls.begin(handler_call_details.method, str(metadata.get(calls.REQUEST_ID, "")))
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        if handler.unary_unary:
            answer = self._observed(call, handler.unary_unary)
            return grpc.unary_unary_rpc_method_handler(
                answer, handler.request_deserializer, handler.response_serializer
            )
        if inspect.iscoroutinefunction(handler.stream_stream):  # a refusal: what streams is a generator
            return grpc.stream_stream_rpc_method_handler(self._observed(call, handler.stream_stream))
        return handler

    def _observed(self, call: calls.Account, answer: Callable[[Any, Any], Awaitable[Any]]) -> Callable[..., Any]:
        async def observed(request: Any, context: _Context) -> Any:
            context.set_trailing_metadata(((calls.REQUEST_ID, call.request_id),))
            response = None
            try:
                response = await answer(request, context)
                return response
            finally:
                status = "OK" if response is not None else _status(context)
                self._observer.ended(
                    call, status, lambda: _grpc_details(request, response, context), failed=response is None
                )

        return observed


def _status(context: _Context) -> str:
    """The code that a call was ended with; where it was not, its caller has gone or its deadline has passed."""
    code = context.code()
    return code.name if isinstance(code, grpc.StatusCode) and code is not grpc.StatusCode.OK else "CANCELLED"


def _grpc_details(request: Any, response: Any, context: _Context) -> dict[str, Any]:
    sizes = {"request_bytes": request, "response_bytes": response}
    known = {name: message.ByteSize() for name, message in sizes.items() if hasattr(message, "ByteSize")}
    return {**known, "peer": context.peer()}


class RestObserver:
    """An ASGI app whose requests are observed."""

    def __init__(self, app: ASGIApp, observer: Observer) -> None:
        self._app = app
        self._observer = observer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, as ASGI has it."""
        headers = Headers(scope=scope)
        method = f"{scope['method']} {scope['raw_path'].decode('latin-1')}"
        call = calls.begin(method, headers.get(calls.REQUEST_ID, ""))
        status, sent_bytes = 0, 0

        async def send_on(message: Message) -> None:
            nonlocal status, sent_bytes
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[calls.REQUEST_ID] = call.request_id
            sent_bytes += len(message.get("body", b""))
            await send(message)

        def details() -> dict[str, Any]:
            host, port = scope.get("client") or ("", 0)
            sizes = {"request_bytes": int(headers.get("content-length", 0)), "response_bytes": sent_bytes}
            return {**sizes, "peer": f"{host}:{port}"}

        try:
            await self._app(scope, receive, send_on)
        finally:
            self._observer.ended(call, str(status), details, failed=not 200 <= status < 400)
