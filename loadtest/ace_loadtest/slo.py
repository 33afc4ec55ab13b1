"""What a service promises: percentiles of latency at most so long, and at most such a share of errors."""

import re
from dataclasses import dataclass
from typing import Final

from .percentiles import LEVELS
from .summary import Summary

_UNITS_MS: Final = {"us": 1e-3, "ms": 1.0, "s": 1e3}
_LIMIT: Final = re.compile(rf"({'|'.join(map(re.escape, LEVELS))}|max|mean)=(\d+\.?\d*)({'|'.join(_UNITS_MS)})")
_SHARE: Final = re.compile(r"(\d+\.?\d*)(%?)")


@dataclass(frozen=True, slots=True)
class Slo:
    """Limits in ms of figures of `Summary.latency_ms`, and of the share of requests that failed or were never sent."""

    limits_ms: tuple[tuple[str, float], ...]
    errors: float

    def missed(self, summary: Summary) -> list[str]:
        """What of it a run did not keep; empty where it kept all. A run without an answer keeps nothing."""
        found = [
            f"{name} was {summary.latency_ms[name]:,.4g} ms, above {limit_ms:g} ms"
            for name, limit_ms in self.limits_ms
            if summary.answered and summary.latency_ms[name] > limit_ms
        ]
        if summary.error_share > self.errors:
            errors = ", ".join(f"{count:,} {status}" for status, count in summary.errors.items())
            found.append(
                f"{summary.error_share:.3%} of requests failed, above {self.errors:.3g} ({errors or 'unsent'})"
            )
        return found or ([] if summary.answered else ["not one request was answered"])

    def __str__(self) -> str:
        limits = ", ".join(f"{name} ≤ {limit_ms:g} ms" for name, limit_ms in self.limits_ms)
        return f"{limits}, errors ≤ {self.errors * 100:g} %"


def parse(limits: str, errors: str) -> Slo:
    """From `p99=400ms,p50=0.1s` and `0.1%`, or `0.001`.

    Raises:
        ValueError: they are written otherwise.
    """
    found = [_LIMIT.fullmatch(part.strip()) for part in limits.split(",")]
    share = _SHARE.fullmatch(errors.strip())
    if share is None or (errors_share := float(share[1]) / (100 if share[2] else 1)) > 1:
        raise ValueError(f"--errors is {errors}: write a share as 0.1% or 0.001")
    if not all(found):
        raise ValueError(f"--slo is {limits}: write p99=400ms, or several as p50=50ms,p99=0.4s ({', '.join(LEVELS)})")
    return Slo(tuple((each[1], float(each[2]) * _UNITS_MS[each[3]]) for each in found if each), errors_share)
