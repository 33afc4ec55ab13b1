"""What a rate costs: from how long a replica runs a batch to replicas, processors, network and money.

A replica takes what waits, up to its largest batch, whenever a runner is free, as `ace_server` and TensorFlow Serving
with batching do. Callers choose replicas without looking at their queues, so that each has Poisson arrivals.
"""

import heapq
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

ARRIVALS: Final = 50_000  # of a simulation: its p99 then is within a few percent
_PRECISION: Final = 0.005
_BUSY_AT_MOST: Final = 0.7  # of processors that decode: beyond it they queue
_ROUNDED: Final = 1 + 1e-6  # of a limit: 395 ms and 5 ms are 400 ms, though not in binary
_LEAST_PER_S: Final = 0.01  # images a second: what does not hold there is out of reach

Times = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """Seconds that a run takes by its number of images; between the sizes measured, on the line through them."""

    run_s: Mapping[int, float]

    def __post_init__(self) -> None:
        """Raises ValueError where a larger batch takes less time, or there is none."""
        sizes = sorted(self.run_s)
        times = [self.run_s[size] for size in sizes]
        if not sizes or sizes[0] < 1 or times[0] <= 0 or times != sorted(times):
            raise ValueError("a curve has batch sizes from 1 on, and times that do not fall: 1=40ms,8=90ms")

    @property
    def largest(self) -> int:
        """The largest batch."""
        return max(self.run_s)

    @property
    def most_per_s(self) -> float:
        """Images a second of one runner that is never idle."""
        return max(size / seconds for size, seconds in self.run_s.items())

    def by_size(self) -> Times:
        """float64[largest + 1]: seconds, the first of them 0."""
        sizes = sorted(self.run_s)
        return np.interp(np.arange(self.largest + 1), [0, *sizes], [0.0, *(self.run_s[size] for size in sizes)])


@dataclass(frozen=True)
class Replica:
    """One server."""

    curve: Curve
    runners: int = 1  # runs at a time, each as fast as the curve says
    overhead_s: float = 0.0  # an image's way to the runner and back

    def latencies_s(self, arrivals_s: Times) -> Times:
        """float64[n]: from each arrival, in order, to its answer."""
        run_s, free_s = self.curve.by_size().tolist(), [0.0] * self.runners
        answers_s, begun, count = np.empty_like(arrivals_s), 0, len(arrivals_s)
        while begun < count:
            start_s = max(heapq.heappop(free_s), float(arrivals_s[begun]))
            waiting = int(np.searchsorted(arrivals_s[begun : begun + self.curve.largest], start_s, "right"))
            end_s = start_s + run_s[waiting]
            answers_s[begun : begun + waiting] = end_s
            heapq.heappush(free_s, end_s)
            begun += waiting
        return answers_s - arrivals_s + self.overhead_s

    def at(self, per_s: float) -> Times:
        """float64[ARRIVALS]: the latencies at a Poisson rate; the same arrivals at every rate, only closer together."""
        gaps = np.random.default_rng(1).exponential(1.0, ARRIVALS)
        return self.latencies_s(np.cumsum(gaps) / per_s)

    def highest_rate(self, quantile: float, limit_s: float) -> float:
        """The highest rate at which that quantile is within the limit; 0 where it is beyond it even alone."""
        if float(self.curve.by_size()[1]) + self.overhead_s > limit_s * _ROUNDED:
            return 0.0
        low, high = 0.0, self.curve.most_per_s * self.runners
        while high - low > _PRECISION * high and high > _LEAST_PER_S:
            middle = (low + high) / 2
            held = float(np.quantile(self.at(middle), quantile)) <= limit_s * _ROUNDED
            low, high = (middle, high) if held else (low, middle)
        return low


@dataclass(frozen=True)
class Machine:
    """What a replica runs on, and what an image costs it beside the runs.

    Raises:
        ValueError: there is no processor or no network, or an image costs less than nothing.
    """

    cores: float = 8.0
    decode_s: float = 0.004  # of one core, an image
    image_bytes: float = 40_000.0
    network_bits_per_s: float = 10e9
    price_per_hour: float = 0.0

    def __post_init__(self) -> None:
        if not (self.cores > 0 and self.network_bits_per_s > 0):
            raise ValueError("--cores and --gbit are numbers above 0")
        if not (self.decode_s >= 0 and self.image_bytes >= 0):
            raise ValueError("--decode-ms and --image-kb are numbers from 0 up")

    def per_s(self) -> dict[str, float]:
        """Images a second that each part can carry, inf where they cost it nothing: decoding with room to spare."""
        return {
            "decoding": _BUSY_AT_MOST * self.cores / self.decode_s if self.decode_s else math.inf,
            "network": self.network_bits_per_s / (8 * self.image_bytes) if self.image_bytes else math.inf,
        }


@dataclass(frozen=True)
class Need:
    """What a rate of images needs."""

    per_s: float
    replicas: int
    p50_s: float
    p99_s: float
    decode_cores: float
    gbit_per_s: float
    first: str  # what saturates first when more comes
    price_per_million: float


def needs(rates: Sequence[float], replica: Replica, machine: Machine, per_replica: float) -> Iterator[Need]:
    """For each rate what it needs, where a replica's runs keep the promise up to `per_replica` images a second."""
    limits = {"runs": per_replica, **machine.per_s()}
    first = min(limits, key=lambda name: limits[name])
    for rate in rates:
        replicas = math.ceil(rate / limits[first])
        latencies_s = replica.at(rate / replicas)
        p50_s, p99_s = (float(value) for value in np.quantile(latencies_s, (0.5, 0.99)))
        price = replicas * machine.price_per_hour / 3600 / rate * 1e6
        cores, gbit_per_s = rate * machine.decode_s / _BUSY_AT_MOST, rate * 8 * machine.image_bytes / 1e9
        yield Need(rate, replicas, p50_s, p99_s, cores, gbit_per_s, first, price)
