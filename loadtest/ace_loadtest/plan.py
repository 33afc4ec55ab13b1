"""What is to be done: one frozen value, checked where it is made."""

import math
from dataclasses import dataclass, field
from typing import Final

from ace_client import Security
from ace_client.contract import MODEL_NAME

from .loads import Closed, Load
from .payload import Mix, Source

LATE_MS: Final = 10.0
"""What is sent so much later than intended is late."""

LATE_SHARE: Final = 0.01
"""Where more of a load than this was late or never sent, the run is invalid: it was not the load that it claims."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """Whom requests go to: a model at an address, and of it one version, one label, or the newest.

    `weight` is its share of the requests, beside those of the other targets of the plan.

    Raises:
        ValueError: both version and label, or a weight that is not above 0.
    """

    address: str
    model: str = MODEL_NAME
    version: int | None = None
    label: str | None = None
    weight: float = 1.0
    security: Security | None = None

    def __post_init__(self) -> None:
        if self.version is not None and self.label is not None:
            raise ValueError(f"version {self.version} and label {self.label!r} were both given: pin one of them")
        if not 0 < self.weight < math.inf:
            raise ValueError(f"a share of {self.weight:g} of the requests is none: give a number above 0")

    def __str__(self) -> str:
        pinned = f" version {self.version}" if self.version is not None else f" {self.label}" if self.label else ""
        return f"{self.model}{pinned} at {self.address}"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A load on one target, or on several in one run, whose requests are interleaved.

    The first `warm_up_s` are made and kept, but are in no figure. `channels` are connections to each address. A request
    has one attempt, within `deadline_s`: what is refused counts as that, not as slow. `metrics` is
    where the server's Prometheus page is, see `Watcher`; without it there is none.

    Raises:
        ValueError: no target, a deadline or a number of channels that is none, or nothing left after the warm-up.
    """

    targets: tuple[Target, ...]
    images: Source
    load: Load
    mix: Mix = field(default_factory=Mix)
    warm_up_s: float = 0.0
    deadline_s: float = 5.0
    channels: int = 2
    seed: int = 0
    metrics: str | None = None

    def __post_init__(self) -> None:
        if not self.targets or self.channels < 1:
            raise ValueError("a load needs a target and at least 1 channel to it")
        if not 0 < self.deadline_s < math.inf:
            raise ValueError(f"--deadline-s is {self.deadline_s:g}: give a number of seconds above 0")
        if not 0 <= self.warm_up_s < self.load.seconds:
            raise ValueError(
                f"--warm-up is {self.warm_up_s:g}: give a number of seconds below the {self.load.seconds:g} of the load"
            )

    @property
    def is_open(self) -> bool:
        """Whether arrivals are drawn, instead of following answers."""
        return not isinstance(self.load, Closed)
