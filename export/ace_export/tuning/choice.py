"""Which candidate serves best, and why."""

from collections.abc import Sequence
from dataclasses import dataclass

from ace_export.errors import TuneError

from .measurement import Measurement

FINALISTS = 3
TOLERANCE = 0.03  # of the highest throughput: what is nearer to it than that counts as equal


@dataclass(frozen=True)
class Choice:
    """The candidate that was chosen, and the reason in words."""

    measurement: Measurement
    reason: str


def finalists(measured: Sequence[Measurement], max_p99_ms: float | None = None) -> list[Measurement]:
    """The best few, the best first: by images a second, but those above `max_p99_ms` behind all that keep within it."""
    return sorted(measured, key=lambda one: (not _is_within(one, max_p99_ms), -one.images_per_s))[:FINALISTS]


def choose(measured: Sequence[Measurement], max_p99_ms: float | None = None) -> Choice:
    """The one that answers the most images a second; among those within 3 % of it, the one with the lowest p99.

    The p99 is that at the steady rate. With `max_p99_ms`, those above it are left out first.

    Raises:
        TuneError: none keeps within `max_p99_ms`.
    """
    within = [one for one in measured if _is_within(one, max_p99_ms)]
    if not within:
        lowest = min(measured, key=lambda one: one.steady_ms(99))
        raise TuneError(
            f"No candidate keeps its p99 within {max_p99_ms:g} ms; the lowest is {lowest.steady_ms(99):.0f} ms "
            f"({lowest.candidate.name}). Pass a higher --max-p99-ms, or serve with more processors."
        )
    fastest = max(within, key=lambda one: one.images_per_s)
    near = [one for one in within if one.images_per_s >= (1 - TOLERANCE) * fastest.images_per_s]
    chosen = min(near, key=lambda one: one.steady_ms(99))
    limit = "" if max_p99_ms is None else f" of those with a p99 within {max_p99_ms:g} ms"
    if len(near) == 1:
        return Choice(chosen, f"the most images a second{limit}, by more than {100 * TOLERANCE:.0f} %")
    return Choice(
        chosen,
        f"the lowest p99 of the {len(near)} within {100 * TOLERANCE:.0f} % of the most images a second{limit} "
        f"({fastest.images_per_s:.3g}/s, {fastest.candidate.name})",
    )


def _is_within(one: Measurement, max_p99_ms: float | None) -> bool:
    return max_p99_ms is None or one.steady_ms(99) <= max_p99_ms
