"""Which graphs are so quick that a thread for their run costs more than the run itself.

Those are run on the event loop, between two messages, and all their operations in that one thread: for a graph of a few
operations TensorFlow's own threads cost four times what it computes.
"""

from collections.abc import Sequence
from weakref import WeakKeyDictionary

from .servable import Servable

_QUICK_S = 0.002
_SLOW_S = 0.02  # more than a thread ever waits for the interpreter, and too long for all else that the loop does
_BELIEVED = 20  # quick runs more than others
_SET_UP = 2  # further runs in a thread, in which TensorFlow prepares for running in one
_DISTRUST = 10_000  # quick runs before one that was slow on the loop is believed again


class Quickness:
    """What the last runs of each servable and its outputs say. Runs are told from any thread."""

    def __init__(self) -> None:
        self._scores: WeakKeyDictionary[Servable, dict[tuple[str, ...], int]] = WeakKeyDictionary()

    def in_one_thread(self, servable: Servable, fetches: Sequence[str]) -> bool:
        """Whether to run it without TensorFlow's threads."""
        return self._score(servable, fetches) >= _BELIEVED

    def on_the_loop(self, servable: Servable, fetches: Sequence[str]) -> bool:
        """Whether to run it right where it was asked for."""
        return self._score(servable, fetches) >= _BELIEVED + _SET_UP

    def ran(self, servable: Servable, fetches: Sequence[str], run_s: float) -> None:
        """A run took so long; in a thread that is with the wait for the interpreter."""
        score = self._score(servable, fetches)
        if run_s > _SLOW_S:
            score = -_DISTRUST if self.on_the_loop(servable, fetches) else min(score, 0)
        elif run_s > _QUICK_S:
            score -= 1 if 0 < score < _BELIEVED else 0
        elif not self.on_the_loop(servable, fetches):
            score += 1
        self._scores.setdefault(servable, {})[tuple(fetches)] = score

    def _score(self, servable: Servable, fetches: Sequence[str]) -> int:
        return self._scores.get(servable, {}).get(tuple(fetches), 0)
