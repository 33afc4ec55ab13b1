"""Counters, histograms and sampled gauges that write themselves in Prometheus' text format.

TensorFlow Serving's names begin with a colon and its counters do not end in `_total`; prometheus_client writes neither.
All of it is meant for one thread: no locks, an observation costs well under a microsecond.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

Labels: TypeAlias = tuple[str, ...]

_MAX_SERIES = 1000  # label sets of one metric; what comes after them is counted under "other"
_OTHER = "other"


class Family:
    """One metric: its name, what it says, and the names of its labels."""

    kind = "untyped"

    def __init__(self, name: str, help_text: str, labels: Labels = ()) -> None:
        self.name = name
        self._help = help_text
        self.labels = labels

    def text(self) -> str:
        """The metric with all its series, a line each."""
        lines = [f"# HELP {self.name} {self._help}", f"# TYPE {self.name} {self.kind}", *self._lines(), ""]
        return "\n".join(lines)

    def forget(self, values: Labels) -> None:
        """Drop the series whose label values begin with these."""

    def _lines(self) -> Iterator[str]:
        raise NotImplementedError

    def _line(self, values: Labels, number: float, suffix: str = "", more: str = "") -> str:
        pairs = [f'{label}="{_escaped(value)}"' for label, value in zip(self.labels, values, strict=True)]
        return f"{self.name}{suffix}{{{','.join([*pairs, more] if more else pairs)}}} {number}"


class Counter(Family):
    """What only grows."""

    kind = "counter"

    def __init__(self, name: str, help_text: str, labels: Labels = ()) -> None:
        super().__init__(name, help_text, labels)
        self._values: dict[Labels, float] = {} if labels else {(): 0}

    def add(self, values: Labels = (), amount: float = 1) -> None:
        """Count `amount` more under these label values."""
        if values not in self._values:
            values = _within_limit(self._values, values)
        self._values[values] = self._values.get(values, 0) + amount

    def series(self) -> dict[Labels, float]:
        """Each series' number by its label values."""
        return dict(self._values)

    def forget(self, values: Labels) -> None:
        """Drop the series whose label values begin with these."""
        _forget(self._values, values)

    def _lines(self) -> Iterator[str]:
        return (self._line(values, number) for values, number in list(self._values.items()))


class Level(Counter):
    """A gauge: counted up and down, or set."""

    kind = "gauge"

    def set(self, values: Labels, number: float) -> None:
        """Let the series of these label values stand at `number`."""
        self._values[_within_limit(self._values, values)] = number


class Sampled(Family):
    """A gauge that is read when it is asked for."""

    kind = "gauge"

    def __init__(self, name: str, help_text: str, labels: Labels, read: Callable[[], Mapping[Labels, float]]) -> None:
        super().__init__(name, help_text, labels)
        self._read = read

    def _lines(self) -> Iterator[str]:
        return (self._line(values, number) for values, number in self._read().items())


class Histogram(Family):
    """How observations spread over buckets with the given upper bounds, and beyond the last."""

    kind = "histogram"

    def __init__(self, name: str, help_text: str, labels: Labels, bounds: Sequence[float]) -> None:
        super().__init__(name, help_text, labels)
        self.bounds = bounds
        self._counts: dict[Labels, list[int]] = {}
        self._sums: dict[Labels, float] = {}

    def observe(self, values: Labels, amount: float) -> None:
        """Count one observation under these label values."""
        counts = self._counts.get(values)
        if counts is None:
            values = _within_limit(self._counts, values)
            counts = self._counts.setdefault(values, [0] * (len(self.bounds) + 1))
            self._sums.setdefault(values, 0.0)
        counts[bisect_left(self.bounds, amount)] += 1
        self._sums[values] += amount

    def series(self) -> dict[Labels, Sequence[int]]:
        """Each series' observations in every bucket, the one beyond the last bound included, by its label values."""
        return dict(self._counts)

    def forget(self, values: Labels) -> None:
        """Drop the series whose label values begin with these."""
        _forget(self._counts, values)
        _forget(self._sums, values)

    def _lines(self) -> Iterator[str]:
        uppers = [*(f"{bound:g}" for bound in self.bounds), "+Inf"]
        for values, counts in list(self._counts.items()):
            total = 0
            for upper, count in zip(uppers, counts, strict=True):
                total += count
                yield self._line(values, total, "_bucket", f'le="{upper}"')
            yield self._line(values, self._sums[values], "_sum")
            yield self._line(values, total, "_count")


def exponential(first: float, factor: float, count: int) -> list[float]:
    """Upper bounds of buckets: `first`, and each `factor` times the one before it."""
    return [first * factor**power for power in range(count)]


def _within_limit(series: Mapping[Labels, object], values: Labels) -> Labels:
    """The label values, or "other" for what would be one series too many."""
    if values in series or len(series) < _MAX_SERIES:
        return values
    return (_OTHER,) * len(values)


def _forget(series: dict[Labels, float] | dict[Labels, list[int]], values: Labels) -> None:
    for known in [known for known in series if known[: len(values)] == values]:
        del series[known]


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def page(families: Iterable[Family]) -> str:
    """The metrics as a scraper reads them."""
    return "".join(family.text() for family in families)
