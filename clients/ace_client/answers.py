"""What callers get back."""

from collections.abc import Sequence
from dataclasses import dataclass

from .contract import FAKE


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the detector says of one image, or why it could not say anything.

    `prob_fake` is in [0, 1], and NaN where `error` is set; `label` is `real` or `fake`, and empty where `error` is set.
    `version` is that of the model that answered, and None for an image that was not sent.
    """

    prob_fake: float
    label: str
    version: int | None
    error: str | None = None

    @property
    def fake(self) -> bool:
        """True where the model, by its own threshold, calls the image fake."""
        return self.label == FAKE


@dataclass(frozen=True, slots=True)
class VersionStatus:
    """One version of a model on the server.

    `state` is TensorFlow Serving's: START, LOADING, AVAILABLE, UNLOADING, END or UNKNOWN; `error` is why a load failed.
    """

    version: int
    state: str
    error: str | None = None

    @property
    def available(self) -> bool:
        """True where the version answers requests."""
        return self.state == "AVAILABLE"

    def __str__(self) -> str:
        return f"version {self.version} is {self.state}" + (f": {self.error}" if self.error else "")


def obstacle(statuses: Sequence[VersionStatus], version: int | None) -> str | None:
    """Why the model, or that version of it, does not answer requests yet; None where it does."""
    wanted = [status for status in statuses if version in (None, status.version)]
    if any(status.available for status in wanted):
        return None
    states = ", ".join(map(str, wanted))
    return states or ("no version is there" if version is None else f"no version {version} is there")
