"""File descriptors, of which every connection takes one: as many as the system allows, and a word once none is left."""

import asyncio
import errno
import logging
import os
import resource
import time
from contextlib import suppress
from typing import Any, Final

_log = logging.getLogger(__name__)
_LOOK_S: Final = 1.0
_CALM_S: Final = 10.0
_NONE_LEFT: Final = (errno.EMFILE, errno.ENFILE)
_ACCEPTING_AGAIN: Final = (
    "_start_serving"  # asyncio's, a second after it could not; fails where the port closed meanwhile
)


def raise_limit() -> None:
    """Let this process have as many as it may: shells and service managers start it with fewer, often 1,024."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):  # some systems name a limit that cannot be had
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Descriptors:
    """Says in the log, once, that none is left, where asyncio would say so a thousand times a second.

    No connection can be accepted then; those that are there are served on.
    """

    def __init__(self) -> None:
        self._missed_s: float | None = None  # when there was none for the last time; None once that is long ago

    async def watch(self) -> None:
        """Look every second until cancelled, and take the errors of the running event loop."""
        asyncio.get_running_loop().set_exception_handler(self._handle)
        while True:
            self._look()
            await asyncio.sleep(_LOOK_S)

    def _look(self) -> None:
        try:
            os.close(os.open(os.devnull, os.O_RDONLY))
        except OSError as error:
            if error.errno not in _NONE_LEFT:
                raise
            self._missed(error)
        else:
            if self._missed_s is not None and time.monotonic() > self._missed_s + _CALM_S:
                self._missed_s = None
                _log.info("There are file descriptors again, and new connections are accepted")

    def _handle(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, OSError) and error.errno in _NONE_LEFT:
            self._missed(error)
        elif _ACCEPTING_AGAIN not in str(context.get("message")):
            loop.default_exception_handler(context)

    def _missed(self, error: OSError) -> None:
        if self._missed_s is None:
            _log.error(
                "No file descriptor is left (%s): new connections wait until others close. This process may have %d; "
                "raise the limit (ulimit -n, LimitNOFILE=), or let callers keep and share their connections",
                error.strerror,
                resource.getrlimit(resource.RLIMIT_NOFILE)[0],
            )
        self._missed_s = time.monotonic()
