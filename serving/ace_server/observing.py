"""What is told of calls when they begin and end, whatever their transport, and REST requests observed from outside."""

import logging
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from . import calls

if TYPE_CHECKING:
    from .spans import Spans

_access_log = logging.getLogger("ace_server.access")


@dataclass(frozen=True)
class Observer:
    """What is told of a call when it begins, and when it ends."""

    access_log_sampling_rate: float = 0.0  # share of calls; of those that failed all, where it is not 0
    spans: "Spans | None" = None

    def began(self, method: str, headers: Mapping[str, str | bytes]) -> calls.Account:
        """The account of a call that begins, current in this task from now on."""
        call = calls.begin(method, headers)
        if self.spans:
            self.spans.begin(call, headers)
        return call

    def ended(self, call: calls.Account, status: str, details: Callable[[], dict[str, Any]], *, failed: bool) -> None:
        """A call has ended; `details` is asked for what is known only of this transport, where it is needed."""
        ended_s = time.monotonic()
        if self.spans:
            self.spans.end(call, status, ended_s)
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


class RestObserver:
    """An ASGI app whose requests are observed; it stands before the guard, so that what that refuses is seen too."""

    def __init__(self, app: ASGIApp, observer: Observer) -> None:
        self._app = app
        self._observer = observer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, as ASGI has it."""
        headers = Headers(scope=scope)
        method = f"{scope['method']} {scope['raw_path'].decode('latin-1')}"
        call = self._observer.began(method, headers)
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
