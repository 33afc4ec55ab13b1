"""Load on a served detector, and a report that says what it showed."""

from .errors import (
    BadTrace,
    GeneratorDied,
    LoadTestError,
    NoComparison,
    NoImages,
    NoMetrics,
    NotWritable,
    ServerNotStarted,
    SloOutOfReach,
    TargetNotReady,
)
from .loads import Closed, Open, Replay
from .payload import Mix
from .plan import Plan, Target

__all__ = [
    "BadTrace",
    "Closed",
    "GeneratorDied",
    "LoadTestError",
    "Mix",
    "NoComparison",
    "NoImages",
    "NoMetrics",
    "NotWritable",
    "Open",
    "Plan",
    "Replay",
    "ServerNotStarted",
    "SloOutOfReach",
    "Target",
    "TargetNotReady",
]
