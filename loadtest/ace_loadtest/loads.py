"""What load is made: arrivals of their own (`Open`, `Replay`), or callers that wait for answers (`Closed`)."""

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

from . import arrivals
from .arrivals import Process, Profile, Seconds


@dataclass(frozen=True)
class Open:
    """Arrivals drawn by a rate over time, which no answer holds up."""

    profile: Profile
    process: Process = "poisson"

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return self.profile.seconds

    def arrivals(self, seed: int) -> Seconds:
        """When its requests are to begin."""
        return arrivals.draw(self.profile, process=self.process, seed=seed)

    def __str__(self) -> str:
        if len(rates := {rate for _, rate in self.profile.points}) == 1:
            return f"open loop, {self.process} arrivals, {rates.pop():g} a second"
        points = ", ".join(f"{rate:g}/s at {time_s:g} s" for time_s, rate in self.profile.points)
        return f"open loop, {self.process} arrivals, {points}"


@dataclass(frozen=True)
class Replay:
    """Arrivals as a trace has them, `speed` times as fast.

    Raises:
        BadTrace: when it is read.
    """

    trace: Path
    speed: float = 1.0

    @cached_property
    def _times_s(self) -> Seconds:
        return arrivals.read_trace(self.trace, speed=self.speed)

    @property
    def seconds(self) -> float:
        """How long it lasts: until its last request, and the time between two on average."""
        size = len(self._times_s)
        return float(self._times_s[-1]) * size / (size - 1) if size > 1 else 1.0

    def arrivals(self, _seed: int) -> Seconds:
        """When its requests are to begin."""
        return self._times_s

    def __str__(self) -> str:
        return f"open loop, arrivals of {self.trace} at {self.speed:g} times their speed"


@dataclass(frozen=True)
class Closed:
    """Callers of whom each sends a request, waits for its answer, thinks, and sends the next one.

    The time that it thinks is exponential with the mean `think_s`; 0 is none. `users` may be 0 where they come later.

    Raises:
        ValueError: no time, or fewer than no users.
    """

    users: int
    seconds: float
    think_s: float = 0.0

    def __post_init__(self) -> None:
        if self.users < 0:
            raise ValueError(f"{self.users} users make no load: give at least 1")
        if not 0 < self.seconds < math.inf:
            raise ValueError(f"--seconds is {self.seconds:g}: give a number of seconds above 0")
        if not 0 <= self.think_s < math.inf:
            raise ValueError(f"--think is {self.think_s:g}: give a number of seconds from 0 up")

    def __str__(self) -> str:
        thinking = f", {self.think_s:g} s of thinking on average" if self.think_s else ""
        return f"closed loop, {self.users} users{thinking}"


Load: TypeAlias = Open | Replay | Closed
