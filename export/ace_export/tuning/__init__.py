"""Batching parameters and threads for a version, measured on the machine that will serve it.

`python -m ace_export tune` is the way in; `tuning.tune.tune` is the same from Python.
"""

from .command import add_arguments, run

__all__ = ["add_arguments", "run"]
