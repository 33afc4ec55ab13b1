"""The highest rate of independent callers (Poisson arrivals) at which a service keeps its promise.

A rate is tried for a short time, four times as much as long as it holds, and then between the highest that held and the
lowest that did not, until these are within the precision. What is found is confirmed by a run of full length with other
arrivals, at a little less where it does not hold there. All trials of the search have the same arrivals, only faster or
slower, so that their difference is the rate's.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from .errors import SloOutOfReach
from .plan import Plan
from .recording import Recording
from .slo import Slo
from .summary import Summary, summarize

Measure: TypeAlias = Callable[[float, float, int], tuple[Plan, Recording]]
"""Makes Poisson arrivals of a rate for so many seconds, by a seed."""

Role: TypeAlias = Literal["search", "confirm", "curve"]
Limit: TypeAlias = Literal["server", "generator"]

_GROWTH: Final = 4.0
_CONFIRMATIONS: Final = 5
_CURVE: Final = (0.25, 0.5, 0.75, 0.9, 1.1)  # of the capacity: what else the curve is to show
_NEAR: Final = 0.05  # to a rate that was tried


@dataclass(frozen=True)
class Goal:
    """What is to hold, and how closely and how long it is looked for; `first_per_s` is tried first.

    Raises:
        ValueError: a rate, a time or a precision that is none.
    """

    slo: Slo
    trial_s: float = 10.0
    confirm_s: float = 60.0
    precision: float = 0.05
    first_per_s: float = 1.0

    def __post_init__(self) -> None:
        if not 0.001 <= self.precision <= 0.5:
            raise ValueError(f"--precision is {self.precision:g}: give a share from 0.001 to 0.5")
        if not (0 < self.trial_s < math.inf and 0 < self.confirm_s < math.inf and 0 < self.first_per_s < math.inf):
            raise ValueError("--trial, --seconds and --from are numbers above 0")


@dataclass(frozen=True, slots=True)
class Trial:
    """One rate, what it showed, and what of the promise it did not keep."""

    per_s: float
    role: Role
    summary: Summary
    missed: tuple[str, ...]

    @property
    def held(self) -> bool:
        """Whether the load was the one that was planned, and all was kept."""
        return self.summary.valid and not self.missed

    def as_json(self) -> dict[str, Any]:
        """One point of the curve."""
        kept = ("requests", "answered", "achieved_per_s", "latency_ms", "intervals_ms", "errors", "stable", "invalid")
        figures = {name: getattr(self.summary, name) for name in kept}
        return {"per_s": self.per_s, "role": self.role, "held": self.held, "missed": list(self.missed), **figures}


@dataclass(slots=True)
class Search:
    """A search and what it has found so far, which is all of it where it was interrupted.

    `per_s` is the highest rate that was confirmed; `last` the run that the report is of: the confirming one, until then
    the latest. `limit` says what kept the rate from being higher.
    """

    goal: Goal
    measure: Measure
    on_trial: Callable[[Trial], object] = lambda _: None
    trials: list[Trial] = field(default_factory=list)
    per_s: float | None = None
    limit: Limit = "server"
    last: tuple[Plan, Recording] | None = None
    complete: bool = False

    def run(self) -> None:
        """Searches, confirms, and completes the curve.

        Raises:
            SloOutOfReach: even one request a second misses it.
            KeyboardInterrupt: a run was interrupted.
        """
        self.find()
        for share in _CURVE if self.per_s else ():
            rate = share * (self.per_s or 0.0)
            if not any(abs(trial.per_s / rate - 1) <= _NEAR for trial in self.trials):
                self._try(rate, "curve")
        self.complete = True

    def find(self) -> None:
        """Searches and confirms; raises as `run`."""
        self._confirm(self._highest())

    @property
    def curve(self) -> list[Trial]:
        """All valid trials by their rates."""
        return sorted((trial for trial in self.trials if trial.summary.valid), key=lambda trial: trial.per_s)

    @property
    def knee_per_s(self) -> float | None:
        """The rate at which power, answers a second over their mean time, is largest: beyond it waiting grows faster.

        Source: Kleinrock, Power and deterministic rules of thumb for probabilistic problems in computer communications,
        ICC 1979.
        """
        powers = {
            trial.per_s: trial.summary.achieved_per_s / trial.summary.latency_ms["mean"]
            for trial in self.curve
            if trial.summary.answered
        }
        return max(powers, key=lambda rate: powers[rate]) if powers else None

    def as_json(self) -> dict[str, Any]:
        """All that was found."""
        return {
            "complete": self.complete,
            "slo": str(self.goal.slo),
            "capacity_per_s": self.per_s,
            "limit": self.limit,
            "knee_per_s": self.knee_per_s,
            "precision": self.goal.precision,
            "trials": [trial.as_json() for trial in self.trials],
        }

    def _highest(self) -> float:
        """The highest rate that held in a trial."""
        rate, held, missed = self.goal.first_per_s, 0.0, math.inf
        while missed > held * (1 + self.goal.precision):
            trial = self._try(rate, "search")
            if not trial.summary.valid:  # as it may be for what else this machine did
                trial = self._try(rate, "search")
            if trial.held:
                held = rate
            elif rate <= 1 and not held:
                raise SloOutOfReach(_out_of_reach(self.goal.slo, trial))
            else:
                missed = rate
                self.limit = _limit(trial)
            rate = _between(held, missed)
        return held

    def _confirm(self, rate: float) -> None:
        for attempt in range(_CONFIRMATIONS):
            trial = self._try(rate, "confirm", self.goal.confirm_s, seed=attempt + 1)
            if trial.held:
                self.per_s = rate
                return
            self.limit = _limit(trial)
            rate *= 1 - self.goal.precision

    def _try(self, rate: float, role: Role, seconds: float | None = None, seed: int = 0) -> Trial:
        plan, recording = self.measure(rate, seconds or self.goal.trial_s, seed)
        summary = summarize(plan, recording)
        trial = Trial(rate, role, summary, tuple(self.goal.slo.missed(summary)))
        if self.per_s is None:
            self.last = plan, recording
        if not recording.complete:
            raise KeyboardInterrupt
        self.trials.append(trial)
        self.on_trial(trial)
        return trial


def _limit(missed: Trial) -> Limit:
    """What kept a trial from holding."""
    return "server" if missed.summary.valid else "generator"


def _between(held: float, missed: float) -> float:
    if not held:
        return max(missed / _GROWTH, 1.0)
    return held * _GROWTH if missed == math.inf else math.sqrt(held * missed)


def _out_of_reach(slo: Slo, trial: Trial) -> str:
    reasons = "; ".join((*trial.missed, *trial.summary.invalid))
    return (
        f"even {trial.per_s:g} request a second misses {slo}: {reasons}.\n"
        "No rate can be found that keeps it. Raise the limit, or send smaller requests."
    )
