"""What is known of the call that is being answered: its id, what answers it, when it waited and when it ran.

The transports begin it, whoever learns something notes it down, and at its end it is told: see `observing`.
"""

import random
import re
import time
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final

REQUEST_ID: Final = "x-request-id"
_SANE_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")


@dataclass(eq=False)
class Account:
    """One call's; times are those of `time.monotonic`, as the event loop's are."""

    request_id: str
    method: str
    started_s: float = field(default_factory=time.monotonic)
    model: str = ""
    version: int | None = None
    rows: int | None = None
    runs: list[tuple[float, float, float]] = field(default_factory=list)  # queued, started, ended

    def served_by(self, model: str, version: int, rows: int) -> None:
        """A version takes the call, or a part of it."""
        self.model, self.version, self.rows = model, version, rows

    def ran(self, queued_s: float, started_s: float, ended_s: float) -> None:
        """A run of the graph has answered the call, or a part of it."""
        self.runs.append((queued_s, started_s, ended_s))


_current: ContextVar[Account | None] = ContextVar("call", default=None)


def begin(method: str, request_id: str = "") -> Account:
    """The account of a call that begins, current in this task from now on; an id that is not sane is replaced."""
    known = request_id if _SANE_ID.fullmatch(request_id) else f"{random.getrandbits(128):032x}"
    account = Account(known, method)
    _current.set(account)
    return account


def current() -> Account | None:
    """The call that the current task is answering."""
    return _current.get()
