"""Load on a served detector, and a report that says what it showed."""

from .errors import LoadTestError, NoImages, NotWritable, TargetNotReady
from .plan import Plan

__all__ = ["LoadTestError", "NoImages", "NotWritable", "Plan", "TargetNotReady"]
