"""What a server's own metrics say of a load: `ace_server`'s, or TensorFlow Serving's where it has them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, TypeAlias

from prometheus_client.parser import text_string_to_metric_families

from .watch import Look, Observed

Point: TypeAlias = tuple[float, float]  # second, value
_Totals: TypeAlias = dict[str, float]  # of each sample name, over all its labels

_BATCHING: Final = ":tensorflow:serving:batching_session:"
_GRAPH: Final = ":tensorflow:core:graph_run"
_QUEUE: Final = (  # sum, count, and what makes the first seconds
    ("ace_server_queue_seconds_sum", "ace_server_queue_seconds_count", 1.0),
    (f"{_BATCHING}queuing_latency_sum", f"{_BATCHING}queuing_latency_count", 1e-6),
)
_RUN: Final = (
    ("ace_server_run_seconds_sum", "ace_server_run_seconds_count", 1.0),
    (f"{_GRAPH}_time_usecs", f"{_GRAPH}s", 1e-6),
)
_ROWS: Final = ("ace_server_batch_rows_bucket", f"{_BATCHING}processed_batch_size_bucket")


@dataclass(frozen=True, slots=True)
class Use:
    """What was used over time; a list is empty where nobody said it.

    Processors in processor seconds a second, of the generator and of the server; the server's memory in MB, its calls
    in flight, and of each second's requests and runs the mean time in ms in its queue and in the graph. `batch_rows` is
    how many runs had at most so many rows, and more than the number before; `dropped` left the queue without a run.
    """

    generator: list[Point]
    server: list[Point]
    memory_mb: list[Point]
    in_flight: list[Point]
    queue_ms: list[Point]
    run_ms: list[Point]
    gpu_percent: list[Point]
    gpu_mib: list[Point]
    batch_rows: dict[str, int]
    mean_queue_ms: float | None
    mean_run_ms: float | None
    dropped: int | None

    def as_json(self) -> dict[str, Any]:
        """Averages and highest values."""
        return {
            "generator_processors": _mean(self.generator),
            "server_processors": _mean(self.server),
            "server_memory_mb": _most(self.memory_mb),
            "most_in_flight": _most(self.in_flight),
            "mean_queue_ms": self.mean_queue_ms,
            "mean_run_ms": self.mean_run_ms,
            "batch_rows": self.batch_rows,
            "dropped": self.dropped,
            "gpu_percent": _mean(self.gpu_percent),
            "gpu_mib": _most(self.gpu_mib),
        }


def use(observed: Observed) -> Use:
    """What all looks together say."""
    looks = [(look.time_s, _totals(look)) for look in observed.looks]
    server = [(time_s, totals) for time_s, totals in looks if len(totals) > 1]
    ends = (server[0], server[-1]) if len(server) > 1 else ()
    return Use(
        generator=_rates(looks, "generator"),
        server=_rates(server, "process_cpu_seconds_total"),
        memory_mb=_levels(server, "process_resident_memory_bytes", 1e-6),
        in_flight=_levels(server, "ace_server_calls_in_flight", 1.0),
        queue_ms=_means(server, _QUEUE),
        run_ms=_means(server, _RUN),
        gpu_percent=[(each.time_s, each.busy_percent) for each in observed.gpu],
        gpu_mib=[(each.time_s, each.used_mib) for each in observed.gpu],
        batch_rows=_batch_rows(ends),
        mean_queue_ms=next((value for _, value in _means(ends, _QUEUE)), None),
        mean_run_ms=next((value for _, value in _means(ends, _RUN)), None),
        dropped=_dropped(ends),
    )


def _totals(look: Look) -> _Totals:
    """The sums over all labels; of buckets, those of each bound apart."""
    found: _Totals = {"generator": look.busy_s}
    for family in text_string_to_metric_families(look.page or ""):
        for sample in family.samples:
            name = f"{sample.name} {sample.labels['le']}" if "le" in sample.labels else sample.name
            found[name] = found.get(name, 0.0) + sample.value
    return found


def _rates(looks: Sequence[tuple[float, _Totals]], name: str) -> list[Point]:
    def rate(before: _Totals, after: _Totals, seconds: float) -> float:
        return (after[name] - before[name]) / seconds

    return _between([each for each in looks if name in each[1]], rate)


def _means(looks: Sequence[tuple[float, _Totals]], names: Sequence[tuple[str, str, float]]) -> list[Point]:
    """The means in ms by the first of the pairs of sums and counts that the server has."""
    for total, count, scale in names:
        known = [each for each in looks if total in each[1] and count in each[1]]

        def mean(
            before: _Totals, after: _Totals, _: float, total: str = total, count: str = count, scale: float = scale
        ) -> float | None:
            events = after[count] - before[count]
            return (after[total] - before[total]) / events * scale * 1000 if events > 0 else None

        if known:
            return _between(known, mean)
    return []


def _between(
    looks: Sequence[tuple[float, _Totals]], value: Callable[[_Totals, _Totals, float], float | None]
) -> list[Point]:
    found = []
    for (begin_s, before), (end_s, after) in pairwise(looks):
        if end_s > begin_s and (each := value(before, after, end_s - begin_s)) is not None:
            found.append(((begin_s + end_s) / 2, each))
    return found


def _levels(looks: Sequence[tuple[float, _Totals]], name: str, scale: float) -> list[Point]:
    return [(time_s, totals[name] * scale) for time_s, totals in looks if name in totals]


def _batch_rows(ends: Sequence[tuple[float, _Totals]]) -> dict[str, int]:
    for name in _ROWS if ends else ():
        (_, before), (_, after) = ends
        bounds = sorted((each.split()[1] for each in after if each.startswith(f"{name} ")), key=float)
        totals = [0.0, *(after[f"{name} {bound}"] - before.get(f"{name} {bound}", 0.0) for bound in bounds)]
        found = {f"{float(bound):g}": round(b - a) for bound, (a, b) in zip(bounds, pairwise(totals), strict=True)}
        if any(found.values()):
            return {bound: count for bound, count in found.items() if count}
    return {}


def _dropped(ends: Sequence[tuple[float, _Totals]]) -> int | None:
    name = "ace_server_dropped_total"
    return round(ends[1][1].get(name, 0.0) - ends[0][1].get(name, 0.0)) if ends else None


def _mean(points: Sequence[Point]) -> float | None:
    return sum(value for _, value in points) / len(points) if points else None


def _most(points: Sequence[Point]) -> float | None:
    return max((value for _, value in points), default=None)
