"""One process's part of a load: asyncio and the client, nothing else, so that what is measured is the server.

Open loop: each request is sent when it was drawn for, whatever became of those before. Closed loop: callers that wait.
Times are of this process's monotonic clock, counted from the moment at which it was told to begin; no other clock, of
this machine or another, is ever compared with it.
"""

import asyncio
import time
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from ace_client import AceError, AsyncDetector, CallError, Options, Verdict

from . import arrivals
from .errors import TargetNotReady
from .http_target import HttpDetector
from .loads import Closed
from .payload import MAX_A_REQUEST, Payload, Request, images_of
from .plan import Plan, Target
from .samples import BAD_IMAGE, BAD_IMAGE_READ, OK, Recorder

OVERTIME_S: Final = 1.0
"""What is still unsent so long after a load's end is not sent any more."""

_PROBES = 8
_FIRST_ANSWER_S = 30.0  # a model may prepare much when it is first asked
_BURST = 16  # requests sent in a row where many are due, before answers are looked at again


@dataclass(frozen=True, slots=True)
class Part:
    """Which part of the load a process makes: its number from 0, of so many."""

    number: int = 0
    of: int = 1


class LoadGenerator:
    """A process's part of a plan: `connect`, then `run`; `recorder` has what came of it at any time."""

    def __init__(self, plan: Plan, part: Part | None = None) -> None:
        """Reads or draws the images and the arrivals.

        Raises:
            NoImages, BadTrace: there are none.
            SetupError, ValueError: an address, or how its connection is to be secured, is wrong.
        """
        self.plan = plan
        self.part = part or Part()
        self.recorder = Recorder(self.part.number)
        self._images = images_of(plan.images, plan.seed)
        self._payload = Payload(self._images, plan.mix, [target.weight for target in plan.targets], plan.seed)
        drawn = None if isinstance(plan.load, Closed) else plan.load.arrivals(plan.seed)
        self._arrivals = [] if drawn is None else arrivals.share(drawn, self.part.number, self.part.of).tolist()
        self._users = plan.load.users if isinstance(plan.load, Closed) else 0
        self._calling: set[int] = set()
        self._next = self.part.number
        self._begin_s = 0.0
        self._stopped = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._detectors = _detectors(plan)

    async def connect(self) -> None:
        """Opens all connections; returns where each target has a verdict on at least one of the first images.

        Raises:
            TargetNotReady: one has none.
        """
        for target in self.plan.targets:
            detector = self._detectors[_connection(target)]
            asked = (self._probe(detector, target) for _ in range(self.plan.channels))
            try:
                [verdicts, *_] = await _all(asked)
            except (AceError, ValueError) as error:
                raise TargetNotReady(str(error)) from error
            if all(verdict.error for verdict in verdicts):
                raise TargetNotReady(
                    f"{target} could read none of the first {len(verdicts)} images: {verdicts[0].error}\n"
                    f"Check {self.plan.images}."
                )

    def elapsed_s(self) -> float:
        """Seconds since the load began."""
        return time.perf_counter() - self._begin_s

    def stop(self) -> None:
        """Nothing more is sent; `run` returns once the answers that are under way are there."""
        self._stopped.set()

    def set_users(self, users: int) -> None:
        """So many callers from now on, in a closed loop; in one that does not run yet, once it does."""
        self._users = users
        if not self._begin_s or self.plan.is_open:
            return
        for place in set(range(users)) - self._calling:
            self._calling.add(place)
            self._spawn(self._caller(place))

    async def run(self) -> float:
        """Makes the load; when it was over, in seconds since it began, with all answers there."""
        self._begin_s = time.perf_counter()
        sending = asyncio.create_task(self._send()) if self.plan.is_open else None
        if sending is None:
            self.set_users(self._users)
        else:
            sending.add_done_callback(lambda _: self._stopped.set())
        try:
            await asyncio.wait_for(self._stopped.wait(), self.plan.load.seconds + OVERTIME_S * self.plan.is_open)
        except asyncio.TimeoutError:
            self._stopped.set()
        until_s = min(self.elapsed_s(), self.plan.load.seconds)
        if sending is not None:
            sending.cancel()
        while self._tasks:
            await asyncio.wait(self._tasks)
        return until_s

    async def close(self) -> None:
        """Gives the connections back."""
        for detector in self._detectors.values():
            await detector.close()

    async def _probe(self, detector: AsyncDetector | HttpDetector, target: Target) -> list[Verdict]:
        deadline_s = max(self.plan.deadline_s, _FIRST_ANSWER_S)
        images = self._images[:_PROBES]
        return await detector.detect(images, version=target.version, label=target.label, deadline_s=deadline_s)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self) -> None:
        for place, intended_s in enumerate(self._arrivals):
            wait_s = intended_s - self.elapsed_s()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            elif place % _BURST == 0:
                await asyncio.sleep(0)
            self._spawn(self._ask(self.part.number + place * self.part.of, intended_s))
        await asyncio.sleep(self.plan.load.seconds - self.elapsed_s())

    async def _caller(self, place: int) -> None:
        """One of the callers, as long as there are to be so many."""
        load = self.plan.load
        think_s = load.think_s if isinstance(load, Closed) else 0.0
        random = Random(f"{self.plan.seed} {self.part.number} {place}")
        while not self._stopped.is_set() and place < self._users:
            number, self._next = self._next, self._next + self.part.of
            await self._ask(number)
            if think_s:
                await self._pause(random.expovariate(1 / think_s))
        self._calling.discard(place)

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopped.wait(), seconds)
        except asyncio.TimeoutError:
            return

    async def _ask(self, number: int, intended_s: float | None = None) -> None:
        request = self._payload.request(number)
        target = self.plan.targets[request.target]
        detector = self._detectors[_connection(target)]
        sent_s = self.elapsed_s()
        version = None
        try:
            verdicts = await detector.detect(request.images, version=target.version, label=target.label)
        except CallError as error:
            status = error.status
        else:
            version, status = verdicts[0].version, _status(request, verdicts)
        times_s = (sent_s if intended_s is None else intended_s, sent_s, self.elapsed_s())
        self.recorder.add(number, times_s, (status, version, len(request.images), request.target))


def _status(request: Request, verdicts: list[Verdict]) -> str:
    """OK where good images, and only those, have a verdict."""
    if request.good:
        return OK if all(verdict.error is None for verdict in verdicts) else BAD_IMAGE
    return OK if all(verdict.error is not None for verdict in verdicts) else BAD_IMAGE_READ


def _connection(target: Target) -> tuple[object, ...]:
    return target.address, target.model, target.security


def _detectors(plan: Plan) -> dict[tuple[object, ...], AsyncDetector | HttpDetector]:
    """One for all targets that differ only in version or label."""
    options = Options(max_batch=MAX_A_REQUEST, max_attempts=1, channels=plan.channels)
    found: dict[tuple[object, ...], AsyncDetector | HttpDetector] = {}
    for target in plan.targets:
        if _connection(target) in found:
            continue
        if target.address.startswith(("http://", "https://")):
            found[_connection(target)] = HttpDetector(target.address, deadline_s=plan.deadline_s)
        else:
            found[_connection(target)] = AsyncDetector(
                target.address,
                model=target.model,
                deadline_s=plan.deadline_s,
                security=target.security,
                options=options,
            )
    return found


async def _all(asked: Iterable[Coroutine[Any, Any, list[Verdict]]]) -> list[list[Verdict]]:
    """All answers; raises what the first that failed did, once none is under way any more."""
    answers = []
    for each in await asyncio.gather(*asked, return_exceptions=True):
        if isinstance(each, BaseException):
            raise each
        answers.append(each)
    return answers
