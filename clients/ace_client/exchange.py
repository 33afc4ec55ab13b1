"""One request with all its attempts: what is the same whether a thread or a task makes it."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import TypeVar

import grpc

from .answers import Verdict
from .errors import Call, CallError, deadline_exceeded, from_rpc
from .hooks import Attempt, Hook, Outcome, Start
from .retries import RetryBudget, pause_before_retry_s
from .security import Metadata

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


class Timer:
    """What is left of a call's deadline, however many requests and attempts the call makes."""

    def __init__(self, call: Call, deadline_s: float | None) -> None:
        """`deadline_s` is instead of the call's own.

        Raises:
            ValueError: it is not above 0.
        """
        self.call = call if deadline_s is None else Call(call.model, call.address, positive(deadline_s))
        self._end_s = time.monotonic() + self.call.deadline_s

    def remaining_s(self) -> float:
        """Seconds until the deadline; 0 or less where it has passed."""
        return self._end_s - time.monotonic()


@dataclass(frozen=True, slots=True)
class Terms:
    """What all requests of a detector have in common."""

    budget: RetryBudget
    max_attempts: int
    hooks: tuple[Hook, ...]


class Exchange:
    """The state of one request: `with` it around everything that the request takes."""

    def __init__(self, terms: Terms, timer: Timer, start: Start, metadata: Metadata) -> None:
        self._terms = terms
        self._timer = timer
        self._watchers = [hook(start) for hook in terms.hooks]
        self.metadata = sum((watcher.metadata for watcher in self._watchers), metadata)
        self.attempts = 0
        self.verdicts: list[Verdict] = []
        self.encode_s = self._wait_s = self._decode_s = 0.0
        self._sent_s = self._attempt_s = 0.0
        self._hedged = False
        self._status = "CANCELLED"
        self._last: grpc.RpcError | None = None

    def __enter__(self) -> "Exchange":
        return self

    def __exit__(self, _: object, error: BaseException | None, __: TracebackType | None) -> None:
        if isinstance(error, CallError):
            self._status = error.status
        if self._sent_s and not self._wait_s:
            self._wait_s = time.perf_counter() - self._sent_s
        if self._watchers:
            stages_s = self.encode_s, self._wait_s, self._decode_s
            outcome = Outcome(self._status, self.attempts, *stages_s, error, self.verdicts)
            for watcher in self._watchers:
                watcher.ended(outcome)

    def encoded(self, build: Callable[[], bytes]) -> bytes:
        """The request, its making counted."""
        start_s = time.perf_counter()
        request = build()
        self.encode_s += time.perf_counter() - start_s
        return request

    def begin(self) -> float:
        """Another attempt begins; the seconds that it may take.

        Raises:
            DeadlineExceeded: there are none.
        """
        remaining_s = self._timer.remaining_s()
        if remaining_s <= 0:
            raise deadline_exceeded(self._timer.call, self.attempts) from self._last
        self.attempts += 1
        self._hedged = False
        self._attempt_s = time.perf_counter()
        self._sent_s = self._sent_s or self._attempt_s
        return remaining_s

    def remaining_s(self) -> float:
        """Seconds until the deadline, at least 0."""
        return max(self._timer.remaining_s(), 0.0)

    def begin_beside(self) -> float:
        """A second attempt begins beside the one under way; the seconds that it may take."""
        self.attempts += 1
        self._hedged = True
        return self.remaining_s()

    def attempt_ended(self, status: str) -> float:
        """What was begun has ended; the seconds that it took."""
        wait_s = time.perf_counter() - self._attempt_s
        for watcher in self._watchers:
            watcher.attempt_ended(Attempt(self.attempts, status, wait_s, self._hedged))
        return wait_s

    def pause_s(self, error: grpc.RpcError) -> float:
        """How long to wait until the next attempt, after this error of the last one.

        Raises:
            CallError: there is none: it would not help, or is beyond attempts, budget or deadline.
        """
        # Its traceback leads to frames that know it, this exchange and grpc.aio's call: kept in that circle until the
        # garbage collector comes by, a failed call holds its connection open even after `close`.
        error = error.with_traceback(None)
        pause_s = pause_before_retry_s(error, self.attempts)
        within_budget = pause_s is None or self._terms.budget.failed()
        last = self.attempts >= self._terms.max_attempts
        if pause_s is None or last or not within_budget or pause_s >= self._timer.remaining_s():
            cause = self._last if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED and self._last else error
            raise from_rpc(error, self._timer.call, self.attempts) from cause
        self._last = error
        _log.debug("%s: attempt %d: %s; again in %.3f s", self._timer.call, self.attempts, error.code().name, pause_s)
        return pause_s

    def decoded(self, answer: bytes, read: Callable[[bytes, Call], _T]) -> _T:
        """What the answer says, its reading counted."""
        self._terms.budget.succeeded()
        start_s = time.perf_counter()
        self._wait_s = start_s - self._sent_s
        try:
            found = read(answer, self._timer.call)
        finally:
            self._decode_s = time.perf_counter() - start_s
        self._status = "OK"
        return found


def positive(seconds: float) -> float:
    """The seconds of a deadline.

    Raises:
        ValueError: they are not above 0.
    """
    if not seconds > 0:
        raise ValueError(f"a deadline of {seconds} s is over before it begins: give more than 0")
    return seconds
