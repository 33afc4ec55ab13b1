"""The gates: each looks at the evidence and says passed, failed, or that there is too little to say."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ace_client import Verdict

from .config_file import CANARY, STABLE
from .policy import ChangedLabels, Delta, Drift, Errors, Gates, Golden, Latency, Tail
from .probing import Evidence, Image, p99_s
from .sequential import evidence_against

_Z95: Final = 1.645  # of a one-sided interval
_BINS: Final = 10


@dataclass(frozen=True)
class Finding:
    """What one gate says, and by which figures."""

    gate: str
    passed: bool | None  # None: no verdict yet
    figures: Mapping[str, Any]

    def __str__(self) -> str:
        verdict = {True: "passed", False: "failed", None: "no verdict"}[self.passed]
        return f"{self.gate} {verdict} ({', '.join(f'{name} {_short(value)}' for name, value in self.figures.items())})"


@dataclass(frozen=True)
class Asked:
    """What the canary was asked, and what the golden images' answers may differ by."""

    images: Sequence[Image]
    allowed: float  # |Δ prob_fake|


SEQUENTIAL: Final = ("errors", "latency", "p99")
"""Those that may be looked at after every pair; the others are for when every image was asked."""


def judge(policy: Gates, evidence: Evidence, asked: Asked, *, only: Sequence[str] = ()) -> list[Finding]:
    """What each gate says that is on, or only these."""
    gates: dict[str, Callable[[], Finding]] = {
        "golden": lambda: golden(policy.golden, evidence, asked),
        "changed_labels": lambda: changed_labels(policy.changed_labels, evidence),
        "delta": lambda: delta(policy.delta, evidence),
        "drift": lambda: drift(policy.drift, evidence),
        "errors": lambda: errors(policy.errors, evidence),
        "latency": lambda: latency(policy.latency, evidence),
        "p99": lambda: tail(policy.p99, evidence),
    }
    return [gate() for name, gate in gates.items() if name not in policy.off and (not only or name in only)]


def golden(policy: Golden, evidence: Evidence, asked: Asked) -> Finding:
    """The canary answers each golden image as the exporter found."""
    expected = {image.name: image.expected[0] for image in asked.images if image.expected}
    deltas = {
        name: _distance(math.nan if found is None else found, evidence.answers[name][1].prob_fake)
        for name, found in expected.items()
        if name in evidence.answers
    }
    if not expected or len(deltas) < len(expected):
        return Finding("golden", None, {"images": len(expected), "answered": len(deltas)})
    worst, largest = max(deltas.items(), key=lambda item: item[1])
    allowed = max(policy.max_delta, asked.allowed)
    figures = {"images": len(deltas), "worst": worst, "delta": largest, "of": allowed}
    return Finding("golden", largest <= allowed, figures)


def changed_labels(policy: ChangedLabels, evidence: Evidence) -> Finding:
    """Fails where a 95 % interval (Wilson's) of the share lies above what is allowed."""
    pairs = evidence.answers.values()
    changed = sum(stable.label != canary.label for stable, canary in pairs)
    low = wilson_low(changed, len(pairs))
    figures = {"images": len(pairs), "changed": changed, "at least": low, "of": policy.max_share}
    return Finding("changed_labels", _verdict(low <= policy.max_share, len(pairs), policy.min_images), figures)


def delta(policy: Delta, evidence: Evidence) -> Finding:
    """Fails where a 95 % interval (normal) of the mean lies above what is allowed, or any image is further off."""
    deltas = [_distance(stable.prob_fake, canary.prob_fake) for stable, canary in evidence.answers.values()]
    if len(deltas) < max(policy.min_images, 2):
        return Finding("delta", None, {"images": len(deltas), "needed": policy.min_images})
    mean, largest = float(np.mean(deltas)), max(deltas)
    low = mean - _Z95 * float(np.std(deltas, ddof=1)) / math.sqrt(len(deltas))
    figures = {"images": len(deltas), "mean": mean, "at least": low, "of": policy.max_mean, "max": largest}
    return Finding("delta", low <= policy.max_mean and largest <= policy.max_any, figures)


def drift(policy: Drift, evidence: Evidence) -> Finding:
    """Fails where the population stability index is above what is allowed."""
    pairs = [_scores(pair) for pair in evidence.answers.values()]
    readable = [pair for pair in pairs if not any(map(math.isnan, pair))]
    if len(readable) < max(policy.min_images, 1):
        return Finding("drift", None, {"images": len(readable), "needed": policy.min_images})
    psi = stability_index(*np.array(readable).T)
    return Finding("drift", psi <= policy.max_psi, {"images": len(readable), "psi": psi, "of": policy.max_psi})


def errors(policy: Errors, evidence: Evidence) -> Finding:
    """Fails where calls fail at the canary that do not at the stable version; see `sequential`."""
    found = evidence_against(evidence.only_failed[CANARY], evidence.only_failed[STABLE])
    figures: dict[str, Any] = {
        "pairs": evidence.pairs,
        "stable failed": evidence.failed[STABLE],
        "canary failed": evidence.failed[CANARY],
        "evidence": found,
        "of": 1 / policy.false_alarm,
    }
    if evidence.last_error:
        figures["last error"] = evidence.last_error
    return Finding("errors", _verdict(found < 1 / policy.false_alarm, evidence.pairs, policy.min_pairs), figures)


def latency(policy: Latency, evidence: Evidence) -> Finding:
    """Fails where the canary takes over `factor` times as long in more than half of all pairs; see `sequential`."""
    found = evidence_against(evidence.slower, evidence.answered - evidence.slower)
    figures = {"pairs": evidence.answered, "slower": evidence.slower, "evidence": found, "of": 1 / policy.false_alarm}
    return Finding("latency", _verdict(found < 1 / policy.false_alarm, evidence.answered, policy.min_pairs), figures)


def tail(policy: Tail, evidence: Evidence) -> Finding:
    """Fails where calls are slower at the canary than `factor` times the stable p99 so far; see `sequential`."""
    if evidence.slow_s is None:
        return Finding("p99", None, {"pairs": evidence.answered, "needed": policy.min_pairs})
    found = evidence_against(evidence.only_slow[CANARY], evidence.only_slow[STABLE])
    figures = {
        "pairs": evidence.answered,
        "stable ms": 1000 * p99_s(evidence.seconds[STABLE]),
        "canary ms": 1000 * p99_s(evidence.seconds[CANARY]),
        "only canary slow": evidence.only_slow[CANARY],
        "only stable slow": evidence.only_slow[STABLE],
        "evidence": found,
        "of": 1 / policy.false_alarm,
    }
    return Finding("p99", found < 1 / policy.false_alarm, figures)


def wilson_low(hits: int, count: int) -> float:
    """The lower end of Wilson's one-sided 95 % interval of a share (Wilson 1927)."""
    if not count:
        return 0.0
    share, z2 = hits / count, _Z95**2 / count
    return (share + z2 / 2 - _Z95 * math.sqrt(share * (1 - share) / count + z2 / (4 * count))) / (1 + z2)


def stability_index(expected: Sequence[float], found: Sequence[float]) -> float:
    """Σ (f - e) ln(f / e) over ten bins that hold equal shares of `expected`; half a sample is added to each."""
    inner = np.unique(np.quantile(expected, np.linspace(0, 1, _BINS + 1)[1:-1]))
    shares = []
    for scores in (expected, found):
        counts = np.bincount(np.searchsorted(inner, scores, side="right"), minlength=len(inner) + 1) + 0.5
        shares.append(counts / counts.sum())
    return float(np.sum((shares[1] - shares[0]) * np.log(shares[1] / shares[0])))


def _verdict(passed: bool, samples: int, needed: int) -> bool | None:
    return passed if samples >= needed else None


def _scores(pair: tuple[Verdict, Verdict]) -> tuple[float, float]:
    return pair[0].prob_fake, pair[1].prob_fake


def _distance(a: float, b: float) -> float:
    """|a - b|; 0 where neither is a number, 1, the most there is, where one is none."""
    if math.isnan(a) or math.isnan(b):
        return float(math.isnan(a) != math.isnan(b))
    return abs(a - b)


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
