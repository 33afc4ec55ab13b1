"""The commands of `python -m ace_loadtest`, a module each, which imports what takes long only once the command runs."""

from . import capacity, check, compare, plan, run, self_test, sweep

COMMANDS = (run, capacity, compare, check, sweep, plan, self_test)

__all__ = ["COMMANDS"]
