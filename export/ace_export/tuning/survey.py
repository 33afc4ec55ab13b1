"""The order in which candidates are measured: all of them once, then the best and the defaults in turn."""

import logging
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from .bench import STEADY, Bench
from .candidates import BATCHED, UNBATCHED, Candidate, Setting
from .choice import FINALISTS, finalists
from .measurement import Measurement

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Survey:
    """What was measured. The finalists and the defaults have the rounds that were taken in turn, and no others."""

    steady_per_s: float  # the rate of the calls beside full load
    defaults: tuple[Measurement, ...]  # no batching, and --enable_batching alone
    finalists: tuple[Measurement, ...]
    others: tuple[Measurement, ...]  # measured once

    @property
    def all(self) -> tuple[Measurement, ...]:
        """Every candidate once."""
        return (*self.defaults, *self.finalists, *self.others)


def survey(bench: Bench, settings: Sequence[Setting], *, rounds: int, max_p99_ms: float | None = None) -> Survey:
    """Measure every setting once, with oneDNN if the default is faster with it; then the best in rounds.

    The best setting is measured the other way too, in case the default has misled.

    Raises:
        TuneError: a server does not start or does not answer.
    """
    in_turn = 2 + min(FINALISTS, len(settings) + 1)
    walk = _Walk(bench, visits=6 + len(settings) + rounds * in_turn, starts=4 + len(settings) + in_turn)
    default = walk.visit(UNBATCHED, None)
    steady_per_s = STEADY * default.images_per_s
    without = walk.visit(replace(UNBATCHED, onednn=False), steady_per_s)
    batched = walk.visit(BATCHED, steady_per_s)
    default += walk.visit(default.candidate, steady_per_s).rounds[0]  # again, for all that follows hangs on the two
    without += walk.visit(without.candidate, steady_per_s).rounds[0]
    onednn = default.images_per_s >= without.images_per_s
    tried: list[Measurement] = []
    for candidate in [Candidate(setting, onednn=onednn) for setting in settings]:
        tried.append(walk.visit(candidate, steady_per_s))
        bench.keep([])  # a server of Xception holds two gigabytes
    tried.append(walk.visit(replace(finalists(tried, max_p99_ms)[0].candidate, onednn=not onednn), steady_per_s))
    best = finalists(tried, max_p99_ms)
    final = {candidate: Measurement(candidate) for candidate in _candidates([default, batched, *best])}
    bench.keep(final)
    for _ in range(rounds):
        for candidate in final:
            final[candidate] += walk.visit(candidate, steady_per_s).rounds[0]
    others = tuple(one for one in (without, *tried) if one.candidate not in final)
    defaults = (final.pop(UNBATCHED), final.pop(BATCHED))
    return Survey(steady_per_s, defaults, tuple(final.values()), others)


class _Walk:
    """Visits that tell how far they have come."""

    def __init__(self, bench: Bench, *, visits: int, starts: int) -> None:
        self._bench = bench
        self._visits = visits
        self._starts = starts

    def visit(self, candidate: Candidate, rate_per_s: float | None) -> Measurement:
        check = not self._bench.visit_s
        one = Measurement(candidate) + self._bench.visit(candidate, rate_per_s, check=check)
        logger.info(
            "%*d/%d  %-42s %8.3g/s   p99 %6.0f ms   %s",
            len(str(self._visits)),
            len(self._bench.visit_s),
            self._visits,
            candidate.name,
            one.images_per_s,
            one.steady_ms(99),
            self._left(),
        )
        return one

    def _left(self) -> str:
        """The time that the rest takes if it goes on as it went."""
        started_s, visited_s = self._bench.start_s, self._bench.visit_s
        left_s = (self._visits - len(visited_s)) * statistics.fmean(visited_s)
        left_s += max(0, self._starts - len(started_s)) * statistics.fmean(started_s)
        return f"about {left_s / 60:.0f} min left" if left_s >= 90 else f"about {left_s:.0f} s left"


def _candidates(measured: Sequence[Measurement]) -> list[Candidate]:
    return [one.candidate for one in measured]
