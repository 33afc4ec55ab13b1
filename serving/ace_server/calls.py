"""What is known of the call that is being answered: its ids, what answers it, when it waited and when it ran.

The transports begin it, whoever learns something notes it down, and at its end it is told: see `observing`.
"""

import random
import re
import time
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from opentelemetry.trace import Span

REQUEST_ID: Final = "x-request-id"
_SANE_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}.*")  # W3C Trace Context


@dataclass(eq=False)
class Account:
    """One call's; times are those of `time.monotonic`, as the event loop's are."""

    request_id: str
    method: str  # /package.Service/Method, or VERB /path
    trace_id: str = ""  # of the trace that the call is a part of, where it is of one
    span: "Span | None" = None  # where spans are on
    started_s: float = field(default_factory=time.monotonic)
    model: str = ""
    version: int | None = None
    signature: str = ""
    rows: int | None = None
    runs: list[tuple[float, float, float]] = field(default_factory=list)  # queued, started, ended

    def served_by(self, model: str, version: int, signature: str, rows: int) -> None:
        """A version takes the call, or a part of it."""
        self.model, self.version, self.signature, self.rows = model, version, signature, rows

    def ran(self, queued_s: float, started_s: float, ended_s: float) -> None:
        """A run of the graph has answered the call, or a part of it."""
        self.runs.append((queued_s, started_s, ended_s))


_current: ContextVar[Account | None] = ContextVar("call", default=None)


def begin(method: str, headers: Mapping[str, str | bytes]) -> Account:
    """The account of a call that begins, current in this task from now on; an id that is not sane is replaced."""
    request_id = str(headers.get(REQUEST_ID, ""))
    known = request_id if _SANE_ID.fullmatch(request_id) else f"{random.getrandbits(128):032x}"
    trace = _TRACEPARENT.fullmatch(str(headers.get("traceparent", "")))
    account = Account(known, method, trace_id=trace[1] if trace else "")
    _current.set(account)
    return account


def current() -> Account | None:
    """The call that the current task is answering."""
    return _current.get()
