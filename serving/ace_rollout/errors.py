"""What this package raises.

RolloutError
├── SettingsError      rollout.toml, models.config, the routing file or a version's folder is not as it must be
├── Refused            what was asked does not go with the state that things are in
├── Busy               another rollout holds the lock
├── EditedMeanwhile    somebody else wrote models.config while the rollout was under way
├── Unreachable        a server does not answer, and the policy is to stop
├── NotServed          a server does not get to where it should; everything is as before
└── RolledBack         a gate failed: the canary was taken back, and its evidence is kept
"""


class RolloutError(Exception):
    """Any error that this package raises."""


class SettingsError(RolloutError):
    """A file cannot be read, or says what it must not. Expected: people write these."""


class Refused(RolloutError):
    """What was asked cannot be done now; the message says what can. Nothing was changed."""


class Busy(RolloutError):
    """Another process works on the same models.config. Expected; wait for it, or end it."""


class EditedMeanwhile(RolloutError):
    """models.config is no longer what the rollout wrote or read. Somebody's edit is kept."""


class Unreachable(RolloutError):
    """A server does not answer. Expected: servers restart."""


class NotServed(RolloutError):
    """A server refused a configuration, or did not load a version in time. What was served before is served on."""


class RolledBack(RolloutError):
    """The candidate did not pass a gate. Expected: it is what gates are for."""
