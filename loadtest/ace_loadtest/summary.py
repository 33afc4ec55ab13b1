"""From samples to figures."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .samples import OK, Sample

PERCENTILES = (50, 90, 95, 99)


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of one run. Latencies are of answered requests alone: an error that comes fast is no fast answer.

    `latency_ms` has the keys p50, p90, p95, p99, max and mean, and is empty where nothing was answered.
    """

    requests: int
    answered: int
    errors: dict[str, int]
    versions: dict[str, int]
    duration_s: float
    offered_per_s: float
    achieved_per_s: float
    latency_ms: dict[str, float]

    def as_json(self) -> dict[str, Any]:
        """The figures as JSON knows them."""
        return asdict(self)


def summarize(samples: Sequence[Sample], duration_s: float) -> Summary:
    """The figures of a run that took `duration_s` from its beginning to its last answer."""
    latencies_ms = np.array([sample.latency_ms for sample in samples if sample.status == OK])
    return Summary(
        requests=len(samples),
        answered=len(latencies_ms),
        errors=_counted(sample.status for sample in samples if sample.status != OK),
        versions=_counted(str(sample.version) for sample in samples if sample.version is not None),
        duration_s=duration_s,
        offered_per_s=len(samples) / duration_s,
        achieved_per_s=len(latencies_ms) / duration_s,
        latency_ms=latency_figures(latencies_ms) if len(latencies_ms) else {},
    )


def latency_figures(latencies_ms: npt.NDArray[np.float64]) -> dict[str, float]:
    """Percentiles, each a latency that was measured (inverted distribution function), the largest, and the mean."""
    values = np.percentile(latencies_ms, PERCENTILES, method="inverted_cdf")
    figures = {f"p{percent}": float(value) for percent, value in zip(PERCENTILES, values, strict=True)}
    return figures | {"max": float(latencies_ms.max()), "mean": float(latencies_ms.mean())}


def _counted(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))
