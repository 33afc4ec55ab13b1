"""From what was kept of a run to its figures."""

from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any, Final

import numpy as np

from .percentiles import Estimate, at_level, estimates
from .plan import LATE_MS, LATE_SHARE, Plan
from .recording import Recording
from .samples import Floats, Origin, Samples

PERCENTILES = (50, 90, 95, 99)
WINDOWS: Final = 3
STABLE: Final = 0.1
BUSY: Final = 0.9
"""Processor seconds a second from which a generator, which is one thread, measures itself."""


@dataclass(frozen=True, slots=True)
class Lateness:
    """How well the generators kept to the arrivals that were drawn, of the measured part of an open loop.

    `late` were sent more than `LATE_MS` after they should have been, `unsent` never; percentiles are of those sent.
    """

    planned: int
    late: int
    unsent: int
    p50_ms: float
    p99_ms: float
    max_ms: float

    @property
    def share(self) -> float:
        """Of what was planned, what was late or never sent."""
        return (self.late + self.unsent) / self.planned if self.planned else 0.0

    @property
    def too_late(self) -> str | None:
        """Why the load was not the one that was planned, where more than `LATE_SHARE` of it was late."""
        if self.share <= LATE_SHARE:
            return None
        return (
            f"{self.late:,} of {self.planned:,} requests were sent more than {LATE_MS:g} ms late and {self.unsent:,} "
            f"never: more than {LATE_SHARE:.0%}. Lower the rate, or take more workers."
        )


@dataclass(frozen=True, slots=True)
class Window:
    """A third of the measured part: when it began and ended, its answers, and their percentiles from intended start."""

    begin_s: float
    end_s: float
    answered: int
    p50_ms: float | None
    p99_ms: float | None


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of what came after the warm-up. Latencies are of answered requests alone: fast errors are not fast.

    `latency_ms` is from the intended start and has the keys p50, p90, p95, p99, p99.9, max and mean; `sent_latency_ms`
    likewise from the actual one; both are empty where nothing was answered. `intervals_ms` has the 95 % intervals of
    the former, as [low, high], None where a side is open. `stable` says whether the medians of the windows are within
    10 % of each other. `invalid` says why the run is not what it claims to be, and is empty where it is.
    """

    requests: int
    answered: int
    errors: dict[str, int]
    versions: dict[str, int]
    warm_up_s: float
    warm_up_requests: int
    duration_s: float
    offered_per_s: float
    achieved_per_s: float
    latency_ms: dict[str, float]
    sent_latency_ms: dict[str, float]
    intervals_ms: dict[str, list[float | None]]
    lateness: Lateness | None
    windows: list[Window] = field(default_factory=list)
    stable: bool = False
    invalid: list[str] = field(default_factory=list)

    @property
    def valid(self) -> bool:
        """Whether the load was the one that was planned."""
        return not self.invalid

    @property
    def error_share(self) -> float:
        """Of the requests that were to be made, those that failed or were never sent."""
        unsent = self.lateness.unsent if self.lateness else 0
        return (self.requests + unsent - self.answered) / max(self.requests + unsent, 1)

    def as_json(self) -> dict[str, Any]:
        """The figures as JSON knows them."""
        return asdict(self) | {"valid": self.valid, "error_share": self.error_share}


def summarize(plan: Plan, recording: Recording) -> Summary:
    """The figures of a run."""
    measured = recording.samples.between(plan.warm_up_s)
    answered = measured[measured.ok]
    last_s = float(measured.rows["ended_s"].max()) if len(measured) else 0.0
    duration_s = max(last_s, recording.until_s) - plan.warm_up_s
    until_s = max(recording.until_s - plan.warm_up_s, 1e-9)
    lateness = _lateness(plan, recording, measured)
    windows = _windows(answered, plan.warm_up_s, recording.until_s)
    found = estimates(answered.latency_ms(), answered.rows["intended_s"]) if len(answered) else {}
    return Summary(
        requests=len(measured),
        answered=len(answered),
        errors=measured[~measured.ok].statuses(),
        versions=measured.versions(),
        warm_up_s=plan.warm_up_s,
        warm_up_requests=len(recording.samples) - len(measured),
        duration_s=duration_s,
        offered_per_s=(lateness.planned if lateness else len(measured)) / until_s,
        achieved_per_s=len(answered) / max(duration_s, 1e-9),
        latency_ms=_figures(answered, "intended", found),
        sent_latency_ms=_figures(answered, "sent"),
        intervals_ms={name: [each.low_ms, each.high_ms] for name, each in found.items()},
        lateness=lateness,
        windows=windows,
        stable=_stable(windows),
        invalid=_invalid(recording, lateness, len(measured)),
    )


def latency_figures(latencies_ms: Floats) -> dict[str, float]:
    """Percentiles, each a latency that was measured (inverted distribution function), the largest, and the mean."""
    order = np.sort(latencies_ms)
    figures = {f"p{percent}": at_level(order, percent / 100) for percent in PERCENTILES}
    return figures | {"max": float(order[-1]), "mean": float(latencies_ms.mean())}


def _figures(answered: Samples, origin: Origin, found: dict[str, Estimate] | None = None) -> dict[str, float]:
    if not len(answered):
        return {}
    latencies_ms = answered.latency_ms(origin)
    found = found or estimates(latencies_ms, answered.rows["intended_s"])
    values = {name: each.value_ms for name, each in found.items()}
    return values | {"max": float(latencies_ms.max()), "mean": float(latencies_ms.mean())}


def _lateness(plan: Plan, recording: Recording, measured: Samples) -> Lateness | None:
    if not plan.is_open:
        return None
    drawn = plan.load.arrivals(plan.seed)  # type: ignore[union-attr] # as it is open
    planned = int(((drawn >= plan.warm_up_s) & (drawn < recording.until_s)).sum())
    late_ms = np.sort(measured.lateness_ms) if len(measured) else np.zeros(1)
    return Lateness(
        planned=planned,
        late=int((late_ms > LATE_MS).sum()),
        unsent=max(planned - len(measured), 0),
        p50_ms=at_level(late_ms, 0.5),
        p99_ms=at_level(late_ms, 0.99),
        max_ms=float(late_ms[-1]),
    )


def _windows(answered: Samples, begin_s: float, end_s: float) -> list[Window]:
    edges = np.linspace(begin_s, max(end_s, begin_s), WINDOWS + 1).tolist()
    found = []
    for begin, end in pairwise(edges):
        order = np.sort(answered.between(begin, end).latency_ms())
        p50, p99 = (at_level(order, 0.5), at_level(order, 0.99)) if order.size else (None, None)
        found.append(Window(begin, end, order.size, p50, p99))
    return found


def _stable(windows: list[Window]) -> bool:
    medians = [window.p50_ms for window in windows if window.p50_ms is not None]
    return len(medians) == WINDOWS and max(medians) <= min(medians) * (1 + STABLE)


def _invalid(recording: Recording, lateness: Lateness | None, requests: int) -> list[str]:
    reasons = [f"generator {each.number} was lost: {each.lost}" for each in recording.generators if each.lost]
    if lateness and lateness.too_late:
        reasons.append(lateness.too_late)
    if lateness and requests > lateness.planned:
        reasons.append(
            f"{requests:,} requests were made where {lateness.planned:,} were planned: a part was made twice."
        )
    return reasons
