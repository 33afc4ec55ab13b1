"""The commands of `ace-rollout`, a module each."""

from . import canary, history, pause, promote, publish, resume, retire, rollback, shadow, status, wait

# In the order of their use.
COMMANDS = (status, publish, shadow, canary, pause, resume, promote, rollback, retire, history, wait)

__all__ = ["COMMANDS"]
