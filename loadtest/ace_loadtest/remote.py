"""A sender as the process sees it that started it: in a thread, or in gevent's stead of one."""

import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from . import frames
from .generator import Part
from .plan import Plan


class Remote:
    """A `sender` in a process of its own.

    `on_frame(kind, content)` is called with each of its frames, and with `FAILED` where it ended without a last one.
    """

    def __init__(self, plan: Plan, part: Part, on_frame: Callable[[bytes, bytes], Any]) -> None:
        self._on_frame = on_frame
        command = [sys.executable, "-m", "ace_loadtest.sender"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603 - ours
        self._write(frames.frame(frames.PLAN, pickle.dumps((plan, part))))
        self._listening = threading.Thread(target=self._listen, daemon=True)
        self._listening.start()

    @property
    def pid(self) -> int:
        """Of the sender's process."""
        return self._process.pid

    def begin(self) -> None:
        """The load is to begin now."""
        self._write(frames.frame(frames.BEGIN))

    def set_users(self, users: int) -> None:
        """So many callers from now on, in a closed loop."""
        self._write(frames.frame(frames.USERS, str(users).encode()))

    def stop(self) -> None:
        """Nothing more is to be sent."""
        self._write(frames.frame(frames.STOP))

    def join(self, timeout_s: float) -> None:
        """Returns once it has ended; ends it where it did not within that time."""
        self._listening.join(timeout_s)
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(BrokenPipeError):  # what was last written to it is not wanted any more
                pipe.close()  # type: ignore[union-attr] # a pipe, as was asked for

    def _write(self, content: bytes) -> None:
        try:
            self._process.stdin.write(content)  # type: ignore[union-attr] # a pipe, as was asked for
            self._process.stdin.flush()  # type: ignore[union-attr]
        except (BrokenPipeError, ValueError):
            return  # it has ended, which `on_frame` is told

    def _listen(self) -> None:
        kind = b""
        stdout = self._process.stdout
        while stdout and len(header := stdout.read(frames.HEADER.size)) == frames.HEADER.size:
            kind, size = frames.HEADER.unpack(header)
            self._on_frame(kind, stdout.read(size))
        if kind not in (frames.DONE, frames.FAILED):
            self._on_frame(frames.FAILED, f"the sender ended with status {self._process.wait()}".encode())
