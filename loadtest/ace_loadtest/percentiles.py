"""Percentiles, and how far the true ones may be from them.

A percentile is a latency that was measured: the smallest that this share of all is at or below. Its interval holds the
percentile of many more such requests with 95 % probability, as far as one run can say.

Source: order statistics. How many of n latencies are at or below the true percentile is binomial, so the latencies at
two ranks enclose it (Hahn and Meeker, Statistical Intervals, 1991, §5.2). That wants latencies that know nothing of
each other, and those of a queue do: a slow one comes beside slow ones. So n is divided by the design effect (Kish,
Survey Sampling, 1965; Woodruff, J. Am. Stat. Assoc. 47, 1952, for percentiles): the variance, between 30 equal
stretches of the run, of the share at or below the percentile, over what it were if all were independent. What is
correlated over more than a thirtieth of the run is beyond this; only a longer run, or a second one, shows it.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from .samples import Floats

LEVELS: Final = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p99.9": 0.999}
STRETCHES: Final = 30

_TAIL: Final = 0.025  # on each side
_STUDENT: Final = (2.045 / 1.960) ** 2  # t over z at 29 degrees of freedom: the variance is estimated as well


@dataclass(frozen=True, slots=True)
class Estimate:
    """A percentile and its 95 % interval; a side is None where so few requests say nothing of it."""

    value_ms: float
    low_ms: float | None
    high_ms: float | None


def estimates(latencies_ms: Floats, times_s: Floats) -> dict[str, Estimate]:
    """Those of `LEVELS` by name, of at least one latency; `times_s` are when the requests were to begin."""
    order = np.sort(latencies_ms)
    return {name: _estimate(order, level, latencies_ms, times_s) for name, level in LEVELS.items()}


def at_level(order: Floats, level: float) -> float:
    """The percentile of sorted latencies."""
    return float(order[max(math.ceil(level * len(order) - 1e-9), 1) - 1])


def effective_size(below: Floats, times_s: Floats) -> float:
    """How many independent requests say as much as these do of the share that is `below` (1) and not (0)."""
    size, share = len(below), float(below.mean())
    independent = share * (1 - share) / size
    if not independent:
        return size
    edges = np.linspace(times_s.min(), times_s.max(), STRETCHES + 1)
    stretch = np.clip(np.searchsorted(edges, times_s, "right") - 1, 0, STRETCHES - 1)
    counts = np.bincount(stretch, minlength=STRETCHES)
    off = np.bincount(stretch, below, minlength=STRETCHES) - share * counts
    clustered = STRETCHES / (STRETCHES - 1) * float((off**2).sum()) / size**2
    return min(size, size * independent / (clustered * _STUDENT)) if clustered else size


def levels_around(level: float, size: float) -> tuple[float | None, float | None]:
    """Between which shares of a sample of `size` independent ones the percentile of the whole is."""
    n = max(math.floor(size), 1)
    mean, spread = n * level, math.sqrt(n * level * (1 - level))
    ranks = np.arange(max(math.floor(mean - 10 * spread) - 10, 0), min(math.ceil(mean + 10 * spread) + 10, n) + 1)
    ratios = np.log((n - ranks[:-1]) / (ranks[:-1] + 1) * level / (1 - level))
    logs = np.concatenate([[0.0], np.cumsum(ratios)])
    cumulated = np.cumsum(np.exp(logs - logs.max()))
    cumulated /= cumulated[-1]
    low = int(ranks[np.searchsorted(cumulated, _TAIL)])
    high = int(ranks[np.searchsorted(cumulated, 1 - _TAIL)]) + 1
    return (low / n if low else None), (high / n if high <= n else None)


def _estimate(order: Floats, level: float, latencies_ms: Floats, times_s: Floats) -> Estimate:
    value_ms = at_level(order, level)
    below = (latencies_ms <= value_ms).astype(np.float64)
    low, high = levels_around(level, effective_size(below, times_s))
    return Estimate(
        value_ms,
        None if low is None else min(at_level(order, low), value_ms),
        None if high is None else max(at_level(order, high), value_ms),
    )
