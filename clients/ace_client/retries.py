"""Whether a failed attempt is followed by another one, and when.

gRPC's own retries (a retryPolicy in the service config) are not used: they stop at messages of more than 256 KiB,
tell neither how often they tried nor why once the deadline has passed, and take a message that is too large for a
server that is too busy. What they call retry throttling and pushback (gRFC A6) is done here in the same way. Attempts
that never reached a server's code are repeated by gRPC itself, at once and not counted.
"""

import random
import threading
from collections.abc import Iterable
from typing import Any, Final, cast

import grpc

_RETRYABLE: Final = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED)
_PUSHBACK: Final = "grpc-retry-pushback-ms"
_FIRST_BACKOFF_S: Final = 0.1
_LONGEST_BACKOFF_S: Final = 1.0
_DROPPED: Final = "CANCELLED"  # gRPC's words where a server reset the call: one that ended before it came to it
_TOO_LARGE: Final = "message larger than max"


class RetryBudget:
    """Keeps retries from adding up to a storm: each failure costs a token, each success brings a tenth of one.

    A request is tried again while more than half of `most` tokens are there. Over its life a detector sends at most 19
    attempts and a tenth of its answers more than its calls: a server that has failed from the start gets less than 1.2
    times the calls from the hundredth on. The 49 attempts that 300 answers have earned carry all callers together over
    a server's restart, and one that fails then gets no more than those. Threads may share it.
    """

    def __init__(self, tokens: float = 70.0, most: float = 100.0, ratio: float = 0.1) -> None:
        self._tokens = tokens
        self._most = most
        self._ratio = ratio
        self._lock = threading.Lock()

    def succeeded(self) -> None:
        """Counts an answer."""
        if self._tokens < self._most:
            with self._lock:
                self._tokens = min(self._tokens + self._ratio, self._most)

    def failed(self) -> bool:
        """Counts a failure, and returns whether another attempt is within the budget."""
        with self._lock:
            self._tokens = max(self._tokens - 1, 0.0)
            return self._tokens > self._most / 2


def pause_before_retry_s(error: grpc.RpcError, attempts: int) -> float | None:
    """Seconds to wait after the `attempts`-th attempt has failed so; None where the next one would fail likewise.

    What the server says (grpc-retry-pushback-ms) is obeyed; otherwise it is 0.05 to 0.1 s, by
    chance, so that callers who were refused together do not come back together; doubled each time up to 0.5 to 1 s.
    """
    code, details = error.code(), error.details() or ""
    dropped = code is grpc.StatusCode.CANCELLED and details == _DROPPED
    if _TOO_LARGE in details or not (dropped or code in _RETRYABLE):
        return None
    trailing = cast(Iterable[tuple[str, Any]], error.trailing_metadata() or ())  # its types say less
    pushback = next((str(value) for name, value in trailing if name == _PUSHBACK), None)
    if pushback is not None:
        return int(pushback) / 1000 if pushback.isascii() and pushback.isdecimal() else None  # "-1" is: never
    return random.uniform(0.5, 1) * min(_FIRST_BACKOFF_S * 2.0 ** (attempts - 1), _LONGEST_BACKOFF_S)
