"""A run held to stored ones: whether it is worse by more than the noise of both."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from .errors import NoComparison

PERCENTILES: Final = ("p50", "p90", "p95", "p99")
_SETTING: Final = ("loop", "load", "images_a_request", "bad_share", "deadline_s")
_Z: Final = 1.96  # 95 %


def read(path: Path) -> dict[str, Any]:
    """What `report.json` holds, of the folder of a report or by its own name.

    Raises:
        NoComparison: it is no report, or one that nothing can be held to.
    """
    file = path / "report.json" if path.is_dir() else path
    try:
        report = json.loads(file.read_text(encoding="utf-8"))
        whole, answered, _ = report["complete"] and report["valid"], report["answered"], report["error_share"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NoComparison(f"{file} is no report.json of a load test: {error}") from error
    if not whole or not answered:
        reasons = "; ".join(report["invalid"]) or ("it is partial" if answered else "nothing was answered")
        raise NoComparison(f"{file} cannot be compared: {reasons}. Make the run again.")
    found: dict[str, Any] = report
    return found


def regressions(result: dict[str, Any], baselines: Sequence[dict[str, Any]], tolerance: float) -> list[str]:
    """What of the result is worse than the baselines by more than their noise and the tolerance, a share; else none.

    The noise of a percentile is its 95 % interval; that of several baselines reaches from the lowest to the highest. A
    result is worse where its whole interval is above that, and its value above theirs by the tolerance.

    Raises:
        NoComparison: they were made by other loads.
    """
    for baseline in baselines:
        if other := [name for name in _SETTING if result[name] != baseline[name]]:
            said = "; ".join(f"{name} {result[name]!r}, in the baseline {baseline[name]!r}" for name in other)
            raise NoComparison(f"the runs were made by different loads: {said}")
    slower = [_slower(name, result, baselines, tolerance) for name in PERCENTILES]
    return [each for each in (*slower, _failing(result, baselines), _fewer(result, baselines, tolerance)) if each]


def _slower(name: str, result: dict[str, Any], baselines: Sequence[dict[str, Any]], tolerance: float) -> str | None:
    low = result["intervals_ms"][name][0]
    highs = [each["intervals_ms"][name][1] for each in baselines]
    highest = math.inf if None in highs else max(highs)
    before, now = max(each["latency_ms"][name] for each in baselines), result["latency_ms"][name]
    if low is None or low <= highest or now <= before * (1 + tolerance):
        return None
    return (
        f"{name} is {now:.4g} ms and was {before:.4g} ms: {now / before - 1:+.0%}, "
        f"at least {low:.4g} ms against at most {highest:.4g} ms"
    )


def _failing(result: dict[str, Any], baselines: Sequence[dict[str, Any]]) -> str | None:
    low, _ = wilson(result["error_share"], result["requests"])
    highest = max(wilson(each["error_share"], each["requests"])[1] for each in baselines)
    if low <= highest:
        return None
    before = max(each["error_share"] for each in baselines)
    return f"{result['error_share']:.3%} of requests failed, and {before:.3%} before: {result['errors']}"


def _fewer(result: dict[str, Any], baselines: Sequence[dict[str, Any]], tolerance: float) -> str | None:
    before, now = min(each["achieved_per_s"] for each in baselines), result["achieved_per_s"]
    if result["loop"] == "open" or now >= before * (1 - tolerance):
        return None
    return f"{now:.4g} answers a second, and {before:.4g} before: {now / before - 1:+.0%}"


def wilson(share: float, size: int) -> tuple[float, float]:
    """Between which shares the true one is with 95 %, by `size` observations (Wilson, J. Am. Stat. Assoc. 22, 1927)."""
    scale = 1 + _Z**2 / size
    middle = (share + _Z**2 / (2 * size)) / scale
    half = _Z / scale * math.sqrt(share * (1 - share) / size + _Z**2 / (4 * size**2))
    return max(middle - half, 0.0), min(middle + half, 1.0)
