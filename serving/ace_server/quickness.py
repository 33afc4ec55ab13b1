"""Which graphs are so quick that a thread for their run costs more than the run itself.

Those are run on the event loop, between two messages, and all their operations in that one thread: for a graph of a few
operations TensorFlow's own threads cost four times what it computes. That goes for inputs that are no larger than those
of the runs that were quick: a larger one may take any time, and is tried in a thread.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from .servable import Servable

_QUICK_S = 0.002
_SLOW_S = 0.02  # more than a thread ever waits for the interpreter, and too long for all else that the loop does
_BELIEVED = 20  # quick runs more than others
_SET_UP = 2  # further runs in a thread, in which TensorFlow prepares for running in one
_DISTRUST = 10_000  # quick runs before one that was slow on the loop is believed again
_MAX_REMEMBERED = 1000  # sets of outputs of one version, which callers choose


@dataclass
class _Record:
    score: int = 0
    max_bytes: int = 0  # the inputs of the largest run that was quick


class Quickness:
    """What the last runs of each servable and its outputs say. Runs are told from any thread."""

    def __init__(self) -> None:
        self._records: WeakKeyDictionary[Servable, dict[tuple[str, ...], _Record]] = WeakKeyDictionary()

    def in_one_thread(self, servable: Servable, fetches: Sequence[str]) -> bool:
        """Whether to run it without TensorFlow's threads."""
        return self._record(servable, fetches).score >= _BELIEVED

    def on_the_loop(self, servable: Servable, fetches: Sequence[str], input_bytes: int) -> bool:
        """Whether to run it over inputs of that size right where it was asked for."""
        record = self._record(servable, fetches)
        return record.score >= _BELIEVED + _SET_UP and input_bytes <= record.max_bytes

    def ran(self, servable: Servable, fetches: Sequence[str], run_s: float, input_bytes: int) -> None:
        """A run took so long; in a thread that is with the wait for the interpreter."""
        record, on_the_loop = self._record(servable, fetches), self.on_the_loop(servable, fetches, input_bytes)
        if run_s <= _QUICK_S:
            record.score = min(record.score + 1, _BELIEVED + _SET_UP)
            record.max_bytes = max(record.max_bytes, input_bytes)
        elif input_bytes > record.max_bytes:  # which says nothing of smaller ones
            return
        elif run_s > _SLOW_S:
            record.score = -_DISTRUST if on_the_loop else min(record.score, 0)
        elif 0 < record.score < _BELIEVED:
            record.score -= 1

    def _record(self, servable: Servable, fetches: Sequence[str]) -> _Record:
        records = self._records.setdefault(servable, {})
        if len(records) > _MAX_REMEMBERED:
            records.clear()
        return records.setdefault(tuple(fetches), _Record())
