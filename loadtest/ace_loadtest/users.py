"""The Locust user: a caller of the detector who sends one image after the other.

Importing Locust makes the standard library cooperative (gevent); importing this module does the same to grpcio, which
must happen before the first channel.
"""

import random
import time
from dataclasses import dataclass, field

import locust
from gevent.event import Event
from grpc.experimental import gevent as grpc_gevent
from locust.exception import StopUser

from ace_client import CallError, Detector, Options, Security

from .samples import BAD_IMAGE, OK

grpc_gevent.init_gevent()


@dataclass(frozen=True, slots=True)
class Errand:
    """What all users of a run do: the images they send, the model they ask, and how long they wait for an answer.

    Once `over` is set, each user ends when the answer that it waits for is there.
    """

    images: list[bytes]
    model: str
    deadline_s: float
    security: Security | None = None
    over: Event = field(default_factory=Event)


class DetectorUser(locust.User):  # type: ignore[misc] # locust is not typed well enough to be read strictly
    """One caller in a closed loop: sends, waits for the answer, sends again. `environment.errand` is its `Errand`."""

    wait_time = locust.constant(0)

    def on_start(self) -> None:
        """Connects."""
        self.errand: Errand = self.environment.errand
        errand = self.errand
        self.detector = Detector(
            self.host,
            model=errand.model,
            deadline_s=errand.deadline_s,
            security=errand.security,
            options=Options(max_attempts=1),  # a request that is refused counts as that, not as a slow one
        )

    def on_stop(self) -> None:
        """Disconnects."""
        self.detector.close()

    @locust.task  # type: ignore[untyped-decorator] # likewise
    def detect(self) -> None:
        """Sends one image and reports the request to Locust, with its exact times and the version that answered."""
        if self.errand.over.is_set():
            raise StopUser
        image = random.choice(self.errand.images)
        error: Exception | None = None
        status, version = OK, None
        start_s, start_time = time.perf_counter(), time.time()
        try:
            [verdict] = self.detector.detect(image)
        except CallError as call_error:
            error, status = call_error, call_error.status
        else:
            version = verdict.version
            if verdict.error is not None:
                error, status = ValueError(verdict.error), BAD_IMAGE
        self.environment.events.request.fire(
            request_type="gRPC",
            name="Predict",
            start_time=start_time,
            response_time=(time.perf_counter() - start_s) * 1000,
            response_length=0,
            exception=error,
            context={"started_s": start_s, "status": status, "version": version},
        )
