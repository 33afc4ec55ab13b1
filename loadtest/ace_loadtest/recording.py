"""What a run left."""

from dataclasses import dataclass, field

from .samples import Samples
from .watch import Observed


@dataclass(frozen=True, slots=True)
class Generator:
    """A process that made load: its number from 0, how busy it was, and why it ended early, where it did.

    `busy` is its processor seconds a second; near 1 it is the limit, not the server.
    """

    number: int
    busy: float
    lost: str | None = None


@dataclass(frozen=True, slots=True)
class Recording:
    """Every request that ended, what made them, and until when they were made: the load's end, unless interrupted."""

    samples: Samples
    until_s: float
    generators: tuple[Generator, ...]
    complete: bool
    observed: Observed = field(default_factory=Observed)
