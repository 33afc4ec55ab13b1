"""Servers whose response times are known, as arithmetic: a stub server waits as they say, a simulation adds."""

import random
from dataclasses import dataclass, field
from typing import Protocol


class Service(Protocol):
    """How long what arrives takes."""

    def answered_s(self, arrival_s: float) -> float:
        """When what arrives then is answered; to be asked in the order of the arrivals."""


@dataclass(frozen=True, slots=True)
class Constant:
    """Any number at once, each in the same time: a server that is never short of anything."""

    seconds: float

    def answered_s(self, arrival_s: float) -> float:
        """The time of its arrival, and the constant."""
        return arrival_s + self.seconds


@dataclass(frozen=True, slots=True)
class Stalling:
    """`Constant`, but for the last `stall_s` of every `every_s`, in which nothing is answered."""

    seconds: float
    stall_s: float
    every_s: float

    def answered_s(self, arrival_s: float) -> float:
        """The constant later, or at the end of the stall that this falls into."""
        answered_s = arrival_s + self.seconds
        phase_s = answered_s % self.every_s
        return answered_s if phase_s < self.every_s - self.stall_s else answered_s - phase_s + self.every_s


@dataclass(slots=True)
class Queue:
    """One at a time, in the order of their arrival, with exponential service times: M/M/1 where arrivals are Poisson.

    At a load of ρ the response times are exponential with mean `mean_s` / (1 − ρ) (Kleinrock, Queueing Systems I,
    §3.2).
    """

    mean_s: float
    seed: int = 0
    _free_s: float = field(default=0.0, init=False)
    _random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def answered_s(self, arrival_s: float) -> float:
        """After all that came before, and its own service."""
        self._free_s = max(arrival_s, self._free_s) + self._random.expovariate(1 / self.mean_s)
        return self._free_s
