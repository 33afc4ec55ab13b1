"""The commands of `python -m ace_training`, a module each, which imports what takes long only once the command runs."""

from . import evaluate, faces, fit

COMMANDS = (faces, fit, evaluate)  # in the order of their use

__all__ = ["COMMANDS"]
