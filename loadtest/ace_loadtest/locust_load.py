"""The same load with Locust in front: its web page, its headless mode, its `--master` and `--worker`.

Each process with users has a sender beside it that makes its part of the load. Of an open loop that is every n-th of
the same arrivals, which each draws by the same seed, so that all parts are one Poisson process again. In a closed loop
every user stands for one caller of the sender. Workers begin when the master says so, once all are connected, and count
their times from then on by their own monotonic clocks: the clocks of machines are never compared, and what the word
takes to arrive shifts a worker's arrivals, no latency. What was measured is sent on every quarter second, so that of a
worker that dies only the last quarter is lost; the report says which died, and a run that lost one is invalid.
"""

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import gevent
import locust
from gevent.event import Event
from locust.env import Environment
from locust.exception import StopUser
from locust.runners import STATE_MISSING, MasterRunner

from . import frames
from .generator import Part
from .loads import Closed
from .plan import Plan
from .recording import Generator, Recording
from .remote import Remote
from .samples import OK, STATUSES, Samples, from_bytes, merged

_log = logging.getLogger(__name__)

_PREPARE, _READY, _BEGIN = "ace_prepare", "ace_ready", "ace_begin"
_ROWS, _DONE, _STOP = "ace_rows", "ace_done", "ace_stop"
_LOOK_S = 0.25
_LEFT_S = 10.0  # beside the deadline, for the last answers and their way here


class DetectorUser(locust.User):  # type: ignore[misc] # locust is not typed well enough to be read strictly
    """In a closed loop one caller of the sender; in an open one nobody in particular, however many there are."""

    def on_start(self) -> None:
        """One more."""
        self.environment.ace_sending.users_changed(+1)

    def on_stop(self) -> None:
        """One less."""
        self.environment.ace_sending.users_changed(-1)

    @locust.task  # type: ignore[untyped-decorator] # likewise
    def wait(self) -> None:
        """Lasts as long as the load."""
        self.environment.ace_sending.over.wait()
        raise StopUser


class Sending:
    """The sender of this process, and what Locust is told of it. `plan` says what is to be done, once it is known."""

    def __init__(self, environment: Environment, plan: Callable[[], Plan]) -> None:
        self._environment = environment
        self._plan = plan
        self._remote: Remote | None = None
        self._part: Part | None = None  # of the next load; a worker that joins while one is made has none
        self._users = 0
        self.over = Event()
        environment.runner.register_message(_PREPARE, self._on_prepare)
        environment.runner.register_message(_BEGIN, self._on_begin)
        environment.runner.register_message(_STOP, self._on_stop)
        environment.events.test_start.add_listener(self._start)
        environment.events.test_stopping.add_listener(self._stop)

    def users_changed(self, more: int) -> None:
        """So many more users."""
        self._users += more
        self._tell_users()

    def _on_prepare(self, msg: Any, **_: object) -> None:
        self._part = Part(msg.data["number"], msg.data["of"])

    def _on_begin(self, **_: object) -> None:
        if self._remote:
            self._remote.begin()

    def _on_stop(self, **_: object) -> None:
        if self._remote:
            self._remote.stop()

    def _start(self, **_: object) -> None:
        part, self._part = self._part, None
        if part is None:
            _log.warning("this worker came once the load had begun: it has no part of it, and makes none of it")
            self.over.set()  # its users end at once, and are not counted as callers
            return
        self.over.clear()
        self._remote = Remote(self._plan(), part, partial(self._on_frame, part.number))
        self._tell_users()

    def _tell_users(self) -> None:
        if self._remote and not self.over.is_set():
            self._remote.set_users(self._users)

    def _stop(self, **_: object) -> None:
        remote, self._remote = self._remote, None
        if remote:
            remote.stop()
            remote.join(self._plan().deadline_s + _LEFT_S)
        self.over.set()

    def _on_frame(self, part: int, kind: bytes, content: bytes) -> None:
        send = self._environment.runner.send_message
        if kind == frames.READY:
            send(_READY, {"part": part})
        elif kind == frames.ROWS:
            send(_ROWS, {"part": part, "rows": content})
            self._fire(from_bytes(content))
        else:
            failure = content.decode() if kind == frames.FAILED else None
            send(_DONE, {"part": part, "failure": failure} | ({} if failure else json.loads(content)))
            self.over.set()

    def _fire(self, samples: Samples) -> None:
        began = time.time() - (float(samples.rows["ended_s"].max()) if len(samples) else 0.0)  # for Locust's page only
        rows = zip(samples.rows.tolist(), samples.latency_ms().tolist(), strict=True)
        for (_, intended_s, _, _, _, images, status, _, _), latency_ms in rows:
            failed = None if STATUSES[status] == OK else RuntimeError(STATUSES[status])
            self._environment.events.request.fire(
                request_type="gRPC",
                name="Predict",
                start_time=began + intended_s,
                response_time=latency_ms,
                response_length=images,
                exception=failed,
                context={},
            )


@dataclass(slots=True)
class _Part:
    """What is known of a part where the parts come together; `client` is Locust's name of the worker."""

    client: str | None
    rows: list[Samples] = field(default_factory=list)
    ready: bool = False
    done: dict[str, Any] | None = None


class Gathering:
    """Where the parts come together: in the master, or in the only process. `on_recording` gets what they left."""

    def __init__(
        self, environment: Environment, plan: Callable[[], Plan], on_recording: Callable[[Plan, Recording], None]
    ) -> None:
        self._environment = environment
        self._plan = plan
        self._on_recording = on_recording
        self._parts: list[_Part] = []
        self._begin_s: float | None = None
        self._users = 0
        for name, listener in ((_READY, self._on_ready), (_ROWS, self._on_rows), (_DONE, self._on_done)):
            environment.runner.register_message(name, listener)
        environment.events.test_start.add_listener(self._start)
        environment.events.test_stopping.add_listener(self._stopping)
        environment.events.test_stop.add_listener(self._stop)

    def _start(self, **_: object) -> None:
        runner = self._environment.runner
        ready = [client.id for client in runner.clients.ready] if isinstance(runner, MasterRunner) else [None]
        self._parts = [_Part(client) for client in ready]
        self._begin_s = None
        for number, part in enumerate(self._parts):
            data = {"number": number, "of": len(self._parts)}
            runner.send_message(_PREPARE, data, *([part.client] if part.client else []))
        self._watching = gevent.spawn(self._watch, self._parts)

    def _on_ready(self, msg: Any, **_: object) -> None:
        self._parts[msg.data["part"]].ready = True
        if all(part.ready for part in self._parts):
            self._begin_s = time.perf_counter()
            self._environment.runner.send_message(_BEGIN)

    def _on_rows(self, msg: Any, **_: object) -> None:
        self._parts[msg.data["part"]].rows.append(from_bytes(msg.data["rows"]))

    def _on_done(self, msg: Any, **_: object) -> None:
        self._parts[msg.data["part"]].done = msg.data
        if msg.data["failure"]:
            _log.error("%s", msg.data["failure"])

    def _watch(self, parts: list[_Part]) -> None:
        """Ends the run where nothing more will come: all parts are done or lost, or one could not begin."""
        while any(self._awaited(part) for part in parts):
            if self._begin_s is None and any(part.done or not self._alive(part) for part in parts):
                break
            gevent.sleep(_LOOK_S)
        runner = self._environment.runner
        gevent.spawn(runner.quit if self._environment.parsed_options.headless else runner.stop)

    def _stopping(self, **_: object) -> None:
        self._watching.kill()
        self._users = self._environment.runner.user_count
        self._environment.runner.send_message(_STOP)  # a master that quits tells its workers only once all is recorded

    def _stop(self, **_: object) -> None:
        plan = self._plan()
        end_s = time.monotonic() + plan.deadline_s + _LEFT_S
        while any(self._awaited(part) for part in self._parts) and time.monotonic() < end_s:
            gevent.sleep(_LOOK_S)
        self._on_recording(*_recorded(plan, self._parts, self._begin_s, self._users))

    def _awaited(self, part: _Part) -> bool:
        return part.done is None and self._alive(part)

    def _alive(self, part: _Part) -> bool:
        if part.client is None:
            return True
        client = self._environment.runner.clients.get(part.client)
        return client is not None and client.state != STATE_MISSING


def _recorded(plan: Plan, parts: list[_Part], begin_s: float | None, users: int) -> tuple[Plan, Recording]:
    """What the parts left, and the plan as it came about: Locust decides on the users of a closed loop, and its end."""
    done = [part.done or {"failure": "its worker was not heard of any more"} for part in parts]
    ends_s = [each["until_s"] for each in done if not each["failure"]]
    samples = merged(rows for part in parts for rows in part.rows)
    elapsed_s = min(time.perf_counter() - begin_s, plan.load.seconds) if begin_s else 0.0
    until_s = max(ends_s, default=elapsed_s)
    generators = tuple(Generator(n, each.get("busy", 0.0), each["failure"]) for n, each in enumerate(done))
    if isinstance(plan.load, Closed):
        plan = replace(plan, load=replace(plan.load, users=users, seconds=max(until_s, plan.warm_up_s + 1e-3)))
    return plan, Recording(samples, until_s, generators, complete=until_s >= plan.load.seconds - 1e-3)
