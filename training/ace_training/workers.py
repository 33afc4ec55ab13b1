"""Work spread over processes."""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection
from typing import Final, TypeVar

import cv2

from .errors import TrainingError

_NOTHING: Final = "-8"  # FFmpeg's

Item = TypeVar("Item")
Result = TypeVar("Result")


@contextlib.contextmanager
def spread(
    function: Callable[[Item], Result], items: Sequence[Item], *, processes: int | None = None
) -> Iterator[Iterator[Result]]:
    """What the function makes of each item, as each is done, by as many processes as there are CPUs.

    The processes end with the context, however it is left, and with this process, however that ends.

    Raises:
        TrainingError: one of the processes died.
    """
    # Spawned, not forked: a fork of a process that runs TensorFlow's threads may hang.
    context = multiprocessing.get_context("spawn")
    ours, lifeline = context.Pipe()
    workers = min(processes or os.cpu_count() or 1, len(items)) or 1
    executor = ProcessPoolExecutor(workers, mp_context=context, initializer=_settle, initargs=(lifeline,))
    try:
        with _ignoring_interrupts():
            results = as_completed([executor.submit(function, item) for item in items])
        yield (done.result() for done in results)
        executor.shutdown()
    except BrokenProcessPool as error:
        raise TrainingError(
            "One of the processes died at its work: the system ended it for want of memory, or a damaged file crashed "
            "its decoder. Close what takes memory and run the same command again."
        ) from error
    finally:
        ours.close()
        executor.shutdown(cancel_futures=True)
        lifeline.close()


def _settle(lifeline: Connection) -> None:
    """What a process does first: one thread for OpenCV, which is quiet, and no longer a life than the parent wants."""
    cv2.setNumThreads(1)
    cv2.utils.logging.setLogLevel(
        cv2.utils.logging.LOG_LEVEL_ERROR
    )  # of damaged videos we speak ourselves, beside the progress bar
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", _NOTHING)
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()


def _end_with(lifeline: Connection) -> None:
    with contextlib.suppress(EOFError, OSError):
        lifeline.recv_bytes()  # nothing is ever sent: the parent lets go of its end, or dies
    os._exit(1)


@contextlib.contextmanager
def _ignoring_interrupts() -> Iterator[None]:
    """Processes started inside ignore Ctrl-C for good: it is the parent's to answer."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
