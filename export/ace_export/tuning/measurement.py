"""What was measured on one candidate."""

import statistics
from dataclasses import dataclass, field

import numpy as np

from .candidates import Candidate


@dataclass(frozen=True)
class Round:
    """One visit: full load, then the steady rate. Latencies in milliseconds."""

    images_per_s: float
    full_load_ms: tuple[float, ...]
    steady_ms: tuple[float, ...]
    cpu_ms_an_image: float | None = None


@dataclass(frozen=True)
class Measurement:
    """All rounds of one candidate together."""

    candidate: Candidate
    rounds: tuple[Round, ...] = field(default=())

    def __add__(self, other: Round) -> "Measurement":
        return Measurement(self.candidate, (*self.rounds, other))

    @property
    def images_per_s(self) -> float:
        """At full load, the mean of the rounds."""
        return statistics.fmean(one.images_per_s for one in self.rounds)

    @property
    def cpu_ms_an_image(self) -> float | None:
        """The server's processor time at full load, the mean of the rounds; None where the system does not say."""
        known = [one.cpu_ms_an_image for one in self.rounds if one.cpu_ms_an_image is not None]
        return statistics.fmean(known) if known else None

    def steady_ms(self, percent: int) -> float:
        """A percentile of the latencies at the steady rate, one that was measured."""
        return _percentile([value for one in self.rounds for value in one.steady_ms], percent)

    def full_load_ms(self, percent: int) -> float:
        """Likewise at full load."""
        return _percentile([value for one in self.rounds for value in one.full_load_ms], percent)

    def gain_over(self, other: "Measurement") -> "Gain":
        """How much more it answers than another that was measured in the same rounds."""
        pairs = zip(self.rounds, other.rounds, strict=True)
        each = [mine.images_per_s / theirs.images_per_s - 1 for mine, theirs in pairs]
        return Gain(self.images_per_s / other.images_per_s - 1, min(each), max(each))


@dataclass(frozen=True)
class Gain:
    """A share more, of the means, and the least and the most of any round; below 0 it is less."""

    mean: float
    least: float
    most: float

    def __str__(self) -> str:
        mean, least, most = (f"{100 * share:+.0f} %" for share in (self.mean, self.least, self.most))
        return f"{mean} ({least} to {most})"


def _percentile(values: list[float], percent: int) -> float:
    return float(np.percentile(values, percent, method="inverted_cdf"))
