"""How calls are watched: metrics, traces and logs are built on this.

    class Printer(Watcher):
        def ended(self, outcome):
            print(outcome.status, outcome.attempts, outcome.wait_s)

    Detector("127.0.0.1:8500", options=Options(hooks=(lambda start: Printer(),)))

A hook is called once a request, in whichever thread or task makes it, with the caller's context variables, and returns
the watcher of that request. What either raises reaches the caller of the detector: they should not raise, and should be
quick. `ace_client.prometheus` and `ace_client.otel` are two such hooks.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from .answers import Verdict
from .security import Metadata


@dataclass(frozen=True, slots=True)
class Start:
    """A request that is about to be sent. `images` is 0 where it carries none."""

    service: str  # tensorflow.serving.PredictionService
    method: str  # Predict
    model: str
    address: str
    deadline_s: float
    images: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt, ended: its number from 1, its status (`OK`, or gRPC's name of an error), how long it took.

    `hedged` is True where it became two side by side, of which the faster one counts.
    """

    number: int
    status: str
    wait_s: float
    hedged: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """A request, ended: `OK`, or the error's status; how many attempts; seconds by stage; what was raised, if anything.

    encode: reading images and building the request. wait: all attempts and the pauses between them. decode: reading
    the answer. A stage that was not reached has 0. verdicts: on the images of the request, in their order.
    """

    status: str
    attempts: int
    encode_s: float
    wait_s: float
    decode_s: float
    error: BaseException | None = None
    verdicts: Sequence[Verdict] = ()


class Watcher:
    """What sees one request; override what you need. `metadata` is sent with each of its attempts."""

    metadata: Metadata = ()

    def attempt_ended(self, attempt: Attempt) -> None:
        """Called after each attempt, in the thread or task that made the request."""

    def ended(self, outcome: Outcome) -> None:
        """Called once, also where the request failed or was cancelled."""


Hook: TypeAlias = Callable[[Start], Watcher]
