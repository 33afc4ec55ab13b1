"""Runs the load: Locust as a library, in this process."""

import signal
import time
from collections.abc import Callable

import gevent
import gevent.event
from locust.env import Environment

from ace_client import AceError, Detector

from .errors import TargetNotReady
from .plan import Plan
from .samples import Recorder, Recording
from .users import DetectorUser, Errand

_PROBES = 8


def run(plan: Plan, errand: Errand, on_tick: Callable[[Recorder], None]) -> Recording:
    """What a load on the target showed; calls `on_tick` each second. SIGINT and SIGTERM end it early."""
    interrupted = gevent.event.Event()
    handlers = [gevent.signal_handler(number, interrupted.set) for number in (signal.SIGINT, signal.SIGTERM)]
    environment = Environment(user_classes=[DetectorUser], host=plan.target)
    environment.errand = errand
    runner = environment.create_local_runner()
    recorder, busy_s = Recorder(), time.process_time()
    environment.events.request.add_listener(recorder.on_request)
    runner.start(plan.users, spawn_rate=plan.users)
    while (left_s := plan.seconds - recorder.elapsed_s()) > 0 and not interrupted.wait(min(left_s, 1.0)):
        on_tick(recorder)
    for handler in handlers:
        handler.cancel()  # a second Ctrl-C ends the process at once
    errand.over.set()
    runner.user_greenlets.join()  # before Locust's own stop, which holds up this process, and with it the last answers
    runner.quit()
    duration_s = max((sample.end_s for sample in recorder.samples), default=recorder.elapsed_s())
    busy = (time.process_time() - busy_s) / recorder.elapsed_s()
    return Recording(recorder.samples, duration_s, busy, complete=not interrupted.is_set())


def check(plan: Plan, errand: Errand) -> None:
    """Returns where the target has a verdict on at least one of the first images.

    Raises:
        TargetNotReady: it has none.
    """
    try:
        with _connected(plan) as detector:
            verdicts = detector.detect(errand.images[:_PROBES])
    except (AceError, ValueError) as error:
        raise TargetNotReady(str(error)) from error
    if all(verdict.error for verdict in verdicts):
        raise TargetNotReady(
            f"{plan.target} could read none of the first {len(verdicts)} images: {verdicts[0].error}\n"
            f"Check the files in {plan.images}."
        )


def _connected(plan: Plan) -> Detector:
    return Detector(plan.target, model=plan.model, deadline_s=plan.deadline_s, security=plan.security)
