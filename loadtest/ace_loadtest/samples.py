"""Every request as it was: nothing rounded, nothing averaged away."""

import time
from dataclasses import dataclass
from typing import Any, Final

OK: Final = "OK"
BAD_IMAGE: Final = "BAD_IMAGE"  # answered, but with an error in the place of a verdict


@dataclass(frozen=True, slots=True)
class Sample:
    """One request: when it began, counted from the load's beginning, how long it took, what came of it, and from whom.

    `status` is OK, BAD_IMAGE, or the name of the call's status; `version` is that of the model that answered, None
    where none did.
    """

    start_s: float
    latency_ms: float
    status: str
    version: int | None

    @property
    def end_s(self) -> float:
        """When the answer was there, in seconds from the load's beginning."""
        return self.start_s + self.latency_ms / 1000


class Recorder:
    """Keeps the samples that the users report through Locust's `request` event."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []
        self._begin_s = time.perf_counter()

    def elapsed_s(self) -> float:
        """Seconds since the load began."""
        return time.perf_counter() - self._begin_s

    def on_request(self, *, response_time: float, context: dict[str, Any], **_: object) -> None:
        """Keeps one request; a listener for Locust's `request` event."""
        start_s = context["started_s"] - self._begin_s
        self.samples.append(Sample(start_s, response_time, context["status"], context["version"]))


@dataclass(frozen=True, slots=True)
class Recording:
    """What a run left: its samples, how long it took, how busy this process was, and whether it ended early."""

    samples: list[Sample]
    duration_s: float
    generator_busy: float  # processor seconds a second of this process; near 1 it is the limit, not the server
    complete: bool
