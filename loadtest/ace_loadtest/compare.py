"""Whether B is faster or slower than A, by rounds that take turns, so that what this machine does meets both alike.

Each round has the same arrivals and images for A and for B, and the one that goes first alternates. A round's ratio of
B to A is one observation; that of many rounds is their geometric mean, within its 95 % interval by Student's t over the
logarithms (Jain, The Art of Computer Systems Performance Analysis, 1991, §13.4.1, paired observations).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal, TypeAlias

import numpy as np

from .errors import LoadTestError
from .plan import Plan
from .recording import Recording
from .summary import Lateness, Summary, summarize

Side: TypeAlias = Literal["A", "B"]
Judgement: TypeAlias = Literal["better", "same", "worse", "undecided"]
Measure: TypeAlias = Callable[[Side, int], tuple[Plan, Recording]]
"""Makes the load of a round, by its number, on one of both."""

SIDES: Final[tuple[Side, Side]] = ("A", "B")
LATENCIES: Final = ("p50", "p90", "p99")
_ERRORS: Final = 0.001  # by which shares of errors may differ and be the same
_STUDENT: Final = (  # 97.5 % of t at 1, 2, ... 30 degrees of freedom
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131),
    *(2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)


@dataclass(frozen=True, slots=True)
class Interval:
    """An average over rounds and its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Finding:
    """Of one figure: B's over A's, or of `errors` the difference of the shares, and what that means for B."""

    figure: str
    ratio: Interval
    judgement: Judgement


@dataclass(slots=True)
class Comparison:
    """Rounds on A and B, and what they say so far; `margin` is the share by which both may differ and be the same."""

    measure: Measure
    rounds: int
    margin: float
    on_round: Callable[[Side, int, Summary], object] = lambda *_: None
    done: dict[Side, list[Summary]] = field(default_factory=lambda: {"A": [], "B": []})
    recordings: dict[Side, list[Recording]] = field(default_factory=lambda: {"A": [], "B": []})

    def run(self) -> None:
        """Makes all rounds.

        Raises:
            KeyboardInterrupt: one was interrupted, and does not count.
        """
        for number in range(self.rounds):
            for side in SIDES if number % 2 == 0 else reversed(SIDES):
                plan, recording = self.measure(side, number)
                if not recording.complete:
                    raise KeyboardInterrupt
                summary = summarize(plan, recording)
                self.done[side].append(summary)
                self.recordings[side].append(recording)
                self.on_round(side, number, summary)

    @property
    def complete(self) -> bool:
        """Whether all rounds were made."""
        return len(self.pairs) == self.rounds

    @property
    def pairs(self) -> list[tuple[Summary, Summary]]:
        """Each round that A and B have made: A's figures and B's."""
        return list(zip(self.done["A"], self.done["B"], strict=False))

    @property
    def invalid(self) -> list[str]:
        """Why the rounds of a side, taken together, were not the load that was planned."""
        found = [(side, _together(self.done[side]).too_late) for side in SIDES]
        return [f"{side}: {reason}" for side, reason in found if reason]

    def findings(self) -> list[Finding]:
        """What the rounds say of each figure.

        Raises:
            LoadTestError: fewer than two rounds have answers on both sides.
        """
        answered = [(a, b) for a, b in self.pairs if a.answered and b.answered]
        if len(answered) < 2:
            raise LoadTestError(f"{len(answered)} rounds with answers of both compare nothing: at least 2 are needed")
        found = [
            self._finding(name, [b.latency_ms[name] / a.latency_ms[name] for a, b in answered]) for name in LATENCIES
        ]
        if answered[0][0].lateness is None:  # in an open loop both are given what was drawn
            rates = [b.achieved_per_s / a.achieved_per_s for a, b in answered]
            found.append(self._finding("achieved_per_s", rates, higher_is_better=True))
        errors = interval([b.error_share - a.error_share for a, b in self.pairs])
        return [*found, Finding("errors", errors, judged(errors, -_ERRORS, _ERRORS))]

    def _finding(self, figure: str, ratios: Sequence[float], *, higher_is_better: bool = False) -> Finding:
        logs = interval(np.log(ratios).tolist())
        width = math.log1p(self.margin)
        judgement = judged(logs, -width, width)
        if higher_is_better:
            judgement = {"better": "worse", "worse": "better"}.get(judgement, judgement)  # type: ignore[assignment]
        return Finding(figure, Interval(*(math.exp(each) for each in (logs.value, logs.low, logs.high))), judgement)

    def verdict(self) -> Judgement:
        """Of B as a whole: worse where any figure is, better where one is and none is worse."""
        judgements = {finding.judgement for finding in self.findings()}
        order: tuple[Judgement, ...] = ("worse", "better", "undecided")
        for each in order:
            if each in judgements:
                return each
        return "same"

    def as_json(self) -> dict[str, Any]:
        """All figures."""
        return {
            "complete": self.complete,
            "verdict": self.verdict(),
            "margin": self.margin,
            "rounds": len(self.pairs),
            "findings": [asdict(finding) for finding in self.findings()],
            "invalid": self.invalid,
            "summaries": {side: [summary.as_json() for summary in self.done[side]] for side in SIDES},
        }


def _together(summaries: Sequence[Summary]) -> Lateness:
    rounds = [summary.lateness for summary in summaries if summary.lateness]
    planned, late, unsent = (sum(getattr(each, name) for each in rounds) for name in ("planned", "late", "unsent"))
    worst = (max((getattr(each, name) for each in rounds), default=0.0) for name in ("p50_ms", "p99_ms", "max_ms"))
    return Lateness(planned, late, unsent, *worst)


def interval(values: Sequence[float]) -> Interval:
    """The mean of at least two values and its 95 % interval."""
    mean = float(np.mean(values))
    half = _STUDENT[min(len(values) - 1, len(_STUDENT)) - 1] * float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return Interval(mean, mean - half, mean + half)


def judged(found: Interval, low: float, high: float) -> Judgement:
    """Of a figure of which less is better, and within `low` and `high` as good as none.

    It is worse or better only where all of its interval is beyond 0 and its value outside of these.
    """
    if low <= found.low and found.high <= high:
        return "same"
    if found.low > 0 and found.value > high:
        return "worse"
    if found.high < 0 and found.value < low:
        return "better"
    return "undecided"
