"""What a canary must pass, by default and as rollout.toml says otherwise under [probes] and [gates]."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Probes:
    """The tool's own questions, each put to the stable version and to the canary of one server, in turn.

    images    a folder of images like the callers', asked beside the golden ones of the manifest
    per_s     pairs of questions a second, while calls are split
    """

    images: Path | None = None
    per_s: float = 2.0
    deadline_s: float = 5.0

    def __post_init__(self) -> None:
        if not (self.per_s > 0 and self.deadline_s > 0):
            raise ValueError("probes.per_s and probes.deadline_s are above 0")


@dataclass(frozen=True)
class Golden:
    """The canary answers the golden images of its manifest as the manifest says."""

    max_delta: float = 1e-3  # |Δ prob_fake|, where the manifest itself allows no more


@dataclass(frozen=True)
class ChangedLabels:
    """Share of images that the canary calls otherwise than the stable version does."""

    max_share: float = 0.05
    min_images: int = 50


@dataclass(frozen=True)
class Delta:
    """|Δ prob_fake| between the two on the same images."""

    max_mean: float = 0.05
    max_any: float = 1.0  # 1 allows any
    min_images: int = 50


@dataclass(frozen=True)
class Drift:
    """Population stability index of the canary's scores against the stable version's, in ten bins of the latter."""

    max_psi: float = 0.25  # the usual mark of a population that has changed
    min_images: int = 100


@dataclass(frozen=True)
class Errors:
    """Calls that fail at the canary and not at the stable version, against the other way round."""

    false_alarm: float = 0.001  # the chance, over a whole canary, that an equal one fails
    min_pairs: int = 20


@dataclass(frozen=True)
class Latency:
    """Pairs in which the canary took more than `factor` times what the stable version took: at most half of them."""

    factor: float = 1.5
    false_alarm: float = 0.001
    min_pairs: int = 20


@dataclass(frozen=True)
class Tail:
    """Calls slower than `factor` times the stable version's p99, of either, against those of the other."""

    factor: float = 1.5
    false_alarm: float = 0.001
    min_pairs: int = 100


@dataclass(frozen=True)
class Gates:
    """All gates; `off` names those that are not asked."""

    golden: Golden = field(default_factory=Golden)
    changed_labels: ChangedLabels = field(default_factory=ChangedLabels)
    delta: Delta = field(default_factory=Delta)
    drift: Drift = field(default_factory=Drift)
    errors: Errors = field(default_factory=Errors)
    latency: Latency = field(default_factory=Latency)
    p99: Tail = field(default_factory=Tail)
    off: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if unknown := set(self.off) - GATES:
            raise ValueError(f"gates.off names {sorted(unknown)}: known are {', '.join(sorted(GATES))}")
        for gate in (self.errors, self.latency, self.p99):
            if not 0 < gate.false_alarm < 1:
                raise ValueError(f"a false_alarm is {gate.false_alarm}, and must be between 0 and 1")


GATES = {"golden", "changed_labels", "delta", "drift", "errors", "latency", "p99"}


@dataclass(frozen=True)
class Query:
    """What Prometheus is asked, and what no series of its answer may be above; see `queries`."""

    query: str
    max: float


@dataclass(frozen=True)
class Prometheus:
    """Where it is, and the gates by name."""

    url: str
    gates: Mapping[str, Query]

    def __post_init__(self) -> None:
        if taken := GATES & self.gates.keys():
            raise ValueError(
                f"prometheus.gates names {sorted(taken)}, as gates are called that are there: name it otherwise"
            )
        if not self.url.startswith(("http://", "https://")):
            raise ValueError(f"prometheus.url is {self.url!r}: write http://host:port")
