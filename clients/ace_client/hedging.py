"""When a request that takes long is sent once more (Dean and Barroso, The Tail at Scale, 2013)."""

import threading
from collections import deque
from typing import Final

_REMEMBERED: Final = 256  # answers, whose 95th percentile is the delay
_ENOUGH: Final = 20  # answers, before which there is no percentile to speak of
_REFRESHED_EVERY: Final = 16
_RATIO: Final = 0.05  # of a token comes with each request: at most that share of requests is sent twice ...
_MOST_TOKENS: Final = 10.0  # ... and so many in a burst


class Hedging:
    """The delay after which a request is worth a second attempt, and how many of those there may be.

    Threads may share it.
    """

    def __init__(self) -> None:
        self._waits_s: deque[float] = deque(maxlen=_REMEMBERED)
        self._p95_s: float | None = None
        self._news = 0
        self._tokens = _MOST_TOKENS
        self._lock = threading.Lock()

    def delay_s(self) -> float | None:
        """Seconds after which the second attempt may be sent: the 95th percentile; None while little is known."""
        return self._p95_s

    def answered(self, wait_s: float) -> None:
        """An answer came after so many seconds."""
        with self._lock:
            self._waits_s.append(wait_s)
            self._tokens = min(self._tokens + _RATIO, _MOST_TOKENS)
            self._news += 1
            if self._news >= _REFRESHED_EVERY and len(self._waits_s) >= _ENOUGH:
                self._news = 0
                self._p95_s = sorted(self._waits_s)[int(0.95 * len(self._waits_s))]

    def take(self) -> bool:
        """Whether a second attempt is within the budget, and counts it."""
        with self._lock:
            if self._tokens < 1:
                return False
            self._tokens -= 1
            return True
