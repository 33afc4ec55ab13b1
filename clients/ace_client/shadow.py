"""Shadowing: a sample of the requests is put to a candidate too, behind the callers' backs, and both answers are kept.

Where the routing file says so, that share of the requests which another of its labels has answered is asked again of
the candidate's label: by a thread of the detector, one at a time, under the same deadline and with as many attempts.
Callers never wait for it. While `WAITING` requests wait, because the candidate is slow or hangs, no more are copied.

Each process appends to a file of its own in the folder that the routing file names; `copies` has the line of a request.
"""

import logging
import os
import random
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from secrets import token_hex
from types import TracebackType
from typing import TYPE_CHECKING, Final

from .answers import Verdict
from .copies import Answer, Copied, name_of
from .errors import AceError, CallError
from .routing import Routing

if TYPE_CHECKING:
    from .detector import Detector

WAITING: Final = 8
"""So many requests wait for the candidate at the most."""

_MAX_FILE_BYTES: Final = 64 * 2**20  # some 300,000 answers
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Copy:
    """A request that was answered, and is to be put to the candidate."""

    candidate: str
    folder: Path
    images: Sequence[bytes]
    label: str
    answer: Answer
    not_copied: int

    def with_answer(self, answer: Answer) -> Copied:
        """The request with the candidate's answer beside the one that the caller got."""
        answers = {self.label: self.answer, self.candidate: answer}
        return Copied([name_of(image) for image in self.images], answers, self.not_copied)


class Request:
    """`with` it around a request: it is offered once it has its answer, or has failed."""

    def __init__(self, shadow: "Shadow", label: str, images: Sequence[bytes]) -> None:
        self._shadow = shadow
        self._label = label
        self._images = images
        self._start_s = 0.0
        self.verdicts: Sequence[Verdict] = ()

    def __enter__(self) -> "Request":
        self._start_s = time.perf_counter()
        return self

    def __exit__(self, _: object, error: BaseException | None, __: TracebackType | None) -> None:
        if error is None or isinstance(error, CallError):
            text = None if error is None else str(error)
            answer = Answer(self.verdicts, text, time.perf_counter() - self._start_s)
            self._shadow.offer(self._label, self._images, answer)


class Shadow:
    """What copies requests, if the routing file wants it. Threads may share it; after a fork the child begins anew."""

    def __init__(self, routing: Routing, connect: Callable[[], "Detector"]) -> None:
        """`connect` opens the connection for the copies, once there is one."""
        self._routing = routing
        self._connect = connect
        self._waiting: SimpleQueue[_Copy | None] = SimpleQueue()
        self._beginning = threading.Lock()
        self._begun_by = 0  # the process whose thread it is
        self._not_copied = 0
        self._detector: Detector | None = None
        self._closed = False

    def request(self, label: str, images: Sequence[bytes]) -> Request:
        """`with` this around a request for the label."""
        return Request(self, label, images)

    def offer(self, label: str, images: Sequence[bytes], answer: Answer) -> None:
        """Copies the request, if it is drawn; returns at once in any case."""
        routes = self._routing.routes
        wanted = routes.shadow
        if wanted is None or label == wanted.label or label not in routes.weights or random.random() >= wanted.share:
            return
        if not images or not self._is_begun() or self._waiting.qsize() >= WAITING:
            self._not_copied += 1
            return
        folder = self._routing.folder / wanted.answers
        self._waiting.put(_Copy(wanted.label, folder, images, label, answer, self._not_copied))
        self._not_copied = 0

    def close(self) -> None:
        """No more copies; what waits is forgotten, and what is under way cancelled."""
        self._closed = True
        with suppress(Empty):
            while True:
                self._waiting.get_nowait()
        self._waiting.put(None)
        if self._detector:
            self._detector.close()

    def _is_begun(self) -> bool:
        """Whether the thread is there; begins it, unless another thread is about to."""
        if self._begun_by == os.getpid():
            return not self._closed
        if self._closed or not self._beginning.acquire(blocking=False):  # in a child, nobody may be left to release it
            return False
        try:
            if self._begun_by != os.getpid():
                self._waiting = SimpleQueue()
                threading.Thread(target=self._run, args=(self._waiting,), name="ace_client shadow", daemon=True).start()
                self._begun_by = os.getpid()
        finally:
            self._beginning.release()
        return True

    def _run(self, waiting: "SimpleQueue[_Copy | None]") -> None:
        file = _File()
        with self._connect() as self._detector:
            while copy := waiting.get():
                answer = _asked(self._detector, copy)
                if not self._closed:
                    file.append(copy.folder, copy.with_answer(answer).line())


class _File:
    """This thread's file, in whichever folder is wanted now."""

    def __init__(self) -> None:
        self._name = f"{socket.gethostname()}-{os.getpid()}-{token_hex(4)}.jsonl"
        self._warned_of: Path | None = None

    def append(self, folder: Path, line: bytes) -> None:
        """One line more; where it cannot be written, that is said once a folder."""
        path = folder / self._name
        try:
            folder.mkdir(exist_ok=True)
            with path.open("ab", buffering=0) as file:
                if file.tell() + len(line) > _MAX_FILE_BYTES:
                    raise OSError(f"{path} is full, at {_MAX_FILE_BYTES:,} bytes")
                file.write(line)
        except OSError as error:
            if folder != self._warned_of:
                self._warned_of = folder
                _log.warning("What the candidate answers is not kept: %s", error)


def _asked(detector: "Detector", copy: _Copy) -> Answer:
    start_s = time.perf_counter()
    try:
        verdicts = detector.detect(copy.images, label=copy.candidate)
    except (AceError, ValueError) as error:  # failed; or closed meanwhile, or certificates that went
        return Answer((), str(error), time.perf_counter() - start_s)
    return Answer(verdicts, None, time.perf_counter() - start_s)
