"""The commands of `ace-rollout`, a module each."""

from . import history, promote, publish, retire, rollback, status, wait

# In the order of their use.
COMMANDS = (status, publish, promote, rollback, retire, history, wait)

__all__ = ["COMMANDS"]
