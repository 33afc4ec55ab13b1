"""When requests arrive: drawn before a load begins, so that no answer can move them.

A `Profile` is a rate over time, linear between points: constant, ramp, steps, spike and soak are such. Arrivals of a
rate λ(t) are those of rate 1, with their times put through the inverse of Λ(t) = ∫ λ (Çinlar, Introduction to
Stochastic Processes, 1975, §4.7); here Λ is quadratic between the points, and its inverse exact. A trace brings its
times along.
"""

import csv
import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from .errors import BadTrace

Seconds: TypeAlias = npt.NDArray[np.float64]
Process: TypeAlias = Literal["poisson", "constant"]

MAX_ARRIVALS: Final = 10_000_000
"""So many are kept in memory with all that is known of them, about 1 GB; a load of more is refused."""

_SPIKE = (0.4, 0.5)  # of the time


@dataclass(frozen=True, slots=True)
class Profile:
    """Requests a second over time: (second, rate) points from 0 on, linear in between; two at one second are a jump.

    Raises:
        ValueError: the points do not begin at 0, go back in time, or have a rate below 0; or no request is in them.
    """

    points: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        times_s = [time_s for time_s, _ in self.points]
        if len(self.points) < 2 or times_s[0] != 0 or times_s != sorted(times_s) or not times_s[-1] < math.inf:
            raise ValueError(f"a rate over time needs points from second 0 on, in order: {self.points}")
        if any(not 0 <= rate < math.inf for _, rate in self.points):
            raise ValueError(f"a rate is a number of requests a second from 0 up: {self.points}")
        if not 0 < self.expected() <= MAX_ARRIVALS:
            raise ValueError(f"{self.expected():,.0f} requests are no load: from 1 to {MAX_ARRIVALS:,} can be made")

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.points[-1][0]

    def rate(self, times_s: npt.ArrayLike) -> Seconds:
        """Requests a second at these times; at a jump the later one."""
        begins, rates = (np.array(column) for column in zip(*self.points, strict=True))
        last = np.clip(np.searchsorted(begins, times_s, "right") - 1, 0, len(begins) - 2)
        share = np.clip((np.asarray(times_s) - begins[last]) / np.maximum(np.diff(begins)[last], 1e-12), 0, 1)
        found: Seconds = rates[last] + share * np.diff(rates)[last]
        return found

    def expected(self) -> float:
        """How many requests it makes on average."""
        return sum((t1 - t0) * (r0 + r1) / 2 for (t0, r0), (t1, r1) in pairwise(self.points))

    def when(self, counts: Seconds) -> Seconds:
        """The seconds by which it has on average made these counts of requests, each at most `expected()`."""
        begins, rates = (np.array(column) for column in zip(*self.points, strict=True))
        lengths = np.diff(begins)
        made = np.concatenate([[0.0], np.cumsum(lengths * (rates[:-1] + rates[1:]) / 2)])
        part = np.clip(np.searchsorted(made, counts, "right") - 1, 0, len(lengths) - 1)
        more, rate = counts - made[part], rates[part]
        slope = np.diff(rates)[part] / np.maximum(lengths[part], 1e-12)
        root = np.sqrt(np.maximum(rate**2 + 2 * slope * more, 0))
        found: Seconds = begins[part] + 2 * more / np.maximum(rate + root, 1e-300)
        return found


def constant(rate: float, seconds: float) -> Profile:
    """The same rate all the time; a soak is a long one."""
    return Profile(((0.0, rate), (seconds, rate)))


def ramp(first: float, last: float, seconds: float) -> Profile:
    """From one rate to another, evenly."""
    return Profile(((0.0, first), (seconds, last)))


def steps(rates: tuple[float, ...], seconds: float) -> Profile:
    """One rate after the other, each for an equal part of the time."""
    length = seconds / len(rates)
    ends = [length * number for number in range(1, len(rates))] + [seconds]
    begins = [0.0, *ends[:-1]]
    return Profile(tuple(point for b, e, r in zip(begins, ends, rates, strict=True) for point in ((b, r), (e, r))))


def spike(base: float, peak: float, seconds: float) -> Profile:
    """A rate, and from 40 % to 50 % of the time another one."""
    begin, end = (share * seconds for share in _SPIKE)
    return Profile(((0.0, base), (begin, base), (begin, peak), (end, peak), (end, base), (seconds, base)))


def draw(profile: Profile, *, process: Process = "poisson", seed: int = 0) -> Seconds:
    """The arrivals, in seconds from the beginning, in order; the same seed draws the same.

    `poisson`: independent of each other, as callers who know nothing of each other are. `constant`: as even as the
    rate lets them be, the first at second 0.
    """
    expected = profile.expected()
    if process == "constant":
        return profile.when(np.arange(math.ceil(expected), dtype=np.float64))
    generator = np.random.default_rng(seed)
    counts = np.cumsum(generator.exponential(size=math.ceil(expected + 10 * math.sqrt(expected) + 20)))
    return profile.when(counts[counts < expected])


def read_trace(path: Path, *, speed: float = 1.0) -> Seconds:
    """The arrivals of a recorded trace, from its first one on, `speed` times as fast.

    A line is a time in seconds, on whatever clock; a CSV file with a header has them in the column `intended_s`, as
    `samples.csv` of a load test, or in its first one. They need not be in order.

    Raises:
        BadTrace: the file cannot be read, or holds no such times.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.reader(file) if row]
    except (OSError, UnicodeDecodeError) as error:
        raise BadTrace(f"cannot read the trace {path}: {error}") from error
    column = 0
    if rows and not _is_number(rows[0][0]):
        header = rows.pop(0)
        column = header.index("intended_s") if "intended_s" in header else 0
    try:
        times_s = np.sort(np.array([float(row[column]) for row in rows]))
    except (ValueError, IndexError) as error:
        raise BadTrace(f"the trace {path} must hold one time in seconds a line: {error}") from error
    if not times_s.size or not np.isfinite(times_s).all() or times_s.size > MAX_ARRIVALS:
        raise BadTrace(f"the trace {path} holds {times_s.size:,} times: 1 to {MAX_ARRIVALS:,} finite ones are needed")
    found: Seconds = (times_s - times_s[0]) / speed
    return found


def share(arrivals: Seconds, number: int, of: int) -> Seconds:
    """The part that generator `number`, from 0, of so many makes: every `of`-th; all parts are the whole."""
    return arrivals[number::of]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
