"""Makes a load in this process: `run(plan)` is all that a capacity search, a sweep or a comparison needs of it."""

import asyncio
import gc
import selectors
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .generator import LoadGenerator
from .plan import Plan
from .recording import Generator, Recording
from .watch import Watcher

_TICK_S = 1.0


def run(
    plan: Plan,
    *,
    on_connected: Callable[[], object] | None = None,
    on_tick: Callable[[LoadGenerator], object] | None = None,
) -> Recording:
    """What a load showed. SIGINT and SIGTERM end it early, a second one at once.

    Calls `on_connected` once all targets have answered, before the load, and `on_tick` each second and at its end.

    Raises:
        LoadTestError: there are no images or arrivals, or a target does not answer.
        SetupError, ValueError: an address, or how its connection is to be secured, is wrong.
    """
    # select() takes microseconds where epoll_wait() rounds up to the next millisecond, and there are few descriptors.
    loop = asyncio.SelectorEventLoop(selectors.SelectSelector())
    try:
        return loop.run_until_complete(_run(LoadGenerator(plan), on_connected, on_tick))
    finally:
        loop.close()


async def _run(
    generator: LoadGenerator,
    on_connected: Callable[[], object] | None,
    on_tick: Callable[[LoadGenerator], object] | None,
) -> Recording:
    try:
        watcher = Watcher(generator.plan.metrics)
        await generator.connect()
        if on_connected:
            on_connected()
        with _interruptible(generator) as interruptions:
            settle()
            busy_s, begin_s = time.process_time(), time.perf_counter()
            watcher.start()
            running = asyncio.create_task(generator.run())
            while not (await asyncio.wait([running], timeout=_TICK_S))[0]:
                if on_tick:
                    on_tick(generator)
            until_s, observed = running.result(), watcher.stop()
            busy = (time.process_time() - busy_s) / (time.perf_counter() - begin_s)
            if on_tick:
                on_tick(generator)
    finally:
        await generator.close()
    made = (Generator(generator.part.number, busy),)
    return Recording(generator.recorder.samples(), until_s, made, not interruptions, observed)


def settle() -> None:
    """What is in memory now is never looked through for garbage again: that would hold up what is to be sent."""
    gc.collect()
    gc.freeze()


@contextmanager
def _interruptible(generator: LoadGenerator) -> Iterator[list[int]]:
    """The first signal ends the load, and is in the list; then they do what they did before."""
    loop, came = asyncio.get_running_loop(), []
    numbers = (signal.SIGINT, signal.SIGTERM)

    def interrupt(number: int) -> None:
        came.append(number)
        generator.stop()
        restore()

    def restore() -> None:
        for number in numbers:
            loop.remove_signal_handler(number)

    for number in numbers:
        loop.add_signal_handler(number, interrupt, number)
    try:
        yield came
    finally:
        restore()
