"""The commands of `python -m ace_training`, a module each, which imports what takes long only once the command runs."""

from . import audit, evaluate, faces, fit, prepare, videos

COMMANDS = (faces, videos, prepare, audit, fit, evaluate)  # in the order of their use

__all__ = ["COMMANDS"]
