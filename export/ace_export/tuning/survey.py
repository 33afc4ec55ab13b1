"""The order in which candidates are measured: all of them once, then the best and the defaults in turn."""

import logging
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from .bench import STEADY, Bench
from .candidates import BATCHED, UNBATCHED, Candidate, Setting
from .choice import FINALISTS, finalists
from .measurement import Measurement

_DEFAULTS = (UNBATCHED, BATCHED)  # whose servers stay up: they are measured first and last

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Survey:
    """What was measured. The finalists and the defaults have the rounds that were taken in turn, and no others.

    The finalists are the best settings, and no batching without oneDNN where the default is faster so.
    """

    steady_per_s: float  # the rate of the calls beside full load
    defaults: tuple[Measurement, ...]  # no batching, and --enable_batching alone
    finalists: tuple[Measurement, ...]
    others: tuple[Measurement, ...]  # measured once

    @property
    def all(self) -> tuple[Measurement, ...]:
        """Every candidate once."""
        return (*self.defaults, *self.finalists, *self.others)


def survey(bench: Bench, settings: Sequence[Setting], *, rounds: int, max_p99_ms: float | None = None) -> Survey:
    """Measure the defaults and every setting once; then the best and the defaults in rounds.

    Raises:
        TuneError: a server does not start or does not answer.
    """
    in_turn = 2 + min(FINALISTS, len(settings) + 1)
    walk = _Walk(bench)
    walk.expect(visits=6 + len(settings) + rounds * in_turn, starts=2 + len(settings) + in_turn)
    default = walk.visit(UNBATCHED)
    without = walk.visit(replace(UNBATCHED, onednn=False))
    walk.visit(BATCHED)
    default += walk.visit(UNBATCHED).rounds[0]  # again, for all that follows hangs on the two
    without += walk.visit(without.candidate).rounds[0]
    bench.keep(_DEFAULTS)
    onednn = default.images_per_s >= without.images_per_s
    tried = _try(walk, settings, max_p99_ms, onednn=onednn)
    best = finalists(tried, max_p99_ms)
    if not onednn:
        walk.expect(visits=rounds, starts=1)
        best.append(without)
    final = {candidate: Measurement(candidate) for candidate in (*_DEFAULTS, *(one.candidate for one in best))}
    for _ in range(rounds):
        for candidate in final:
            final[candidate] += walk.visit(candidate).rounds[0]
    others = tuple(one for one in (without, *tried) if one.candidate not in final)
    defaults = (final.pop(UNBATCHED), final.pop(BATCHED))
    return Survey(walk.steady_per_s, defaults, tuple(final.values()), others)


def _try(walk: "_Walk", settings: Sequence[Setting], max_p99_ms: float | None, *, onednn: bool) -> list[Measurement]:
    """Every setting with oneDNN or without; the best the other way too, and where that is better yet, all of them."""
    tried = [walk.visit_once(Candidate(setting, onednn=onednn)) for setting in settings]
    best = finalists(tried, max_p99_ms)[0].candidate
    other = walk.visit_once(replace(best, onednn=not onednn))
    tried.append(other)
    if finalists(tried, max_p99_ms)[0] is other:  # the default has misled, as it may on a busy machine
        rest = [setting for setting in settings if setting != best.setting]
        walk.expect(visits=len(rest), starts=len(rest))
        tried += [walk.visit_once(Candidate(setting, onednn=not onednn)) for setting in rest]
    return tried


class _Walk:
    """Visits that tell how far they have come."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._visits = 0
        self._starts = 0
        self.steady_per_s = 0.0  # known from the first visit on

    def expect(self, *, visits: int, starts: int) -> None:
        """There are so many more to come."""
        self._visits += visits
        self._starts += starts

    def visit_once(self, candidate: Candidate) -> Measurement:
        """One round, after which the server is ended, for one of Xception holds two gigabytes."""
        one = self.visit(candidate)
        self._bench.keep(_DEFAULTS)
        return one

    def visit(self, candidate: Candidate) -> Measurement:
        """One round, on a server that stays up."""
        one = Measurement(candidate) + self._bench.visit(candidate, self.steady_per_s, check=not self.steady_per_s)
        self.steady_per_s = self.steady_per_s or STEADY * one.images_per_s
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
