"""The REST port: a socket, and uvicorn on the event loop that gRPC uses too."""

import asyncio
import contextlib
import logging
import math
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from .errors import StartError
from .observing import Observer, RestObserver
from .options import Options
from .security import Security

_log = logging.getLogger(__name__)
_FREE_PORT = -1
_KEEP_ALIVE_S = 75  # longer than load balancers keep idle connections, so that they and not we close them
_START_POLL_S = 0.01


class _Uvicorn(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the app, which drains first."""
        yield


class RestServer:
    """Serves an app on one TCP port, from `start` to `stop`."""

    def __init__(
        self, app: ASGIApp, options: Options, security: Security, observer: Observer, *, flush_s: float
    ) -> None:
        """Port -1 takes a free one. Whom the app answers is up to `security`; `observer` sees whom it does not, too.

        Answers under way get `flush_s` when it stops.

        Raises:
            StartError: the port cannot be had.
        """
        host, port = options.host, options.rest_api_port
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self._socket = socket.create_server((host, max(port, 0)), family=family)
        except OSError as error:
            raise StartError(
                f"Cannot listen on {host}:{port} for REST: it is in use, or not this machine's. "
                "Pass another --rest_api_port, or --host."
            ) from error
        shown_host = f"[{host}]" if ":" in host else host
        self._flush_s = flush_s
        self.address = f"{shown_host}:{self._socket.getsockname()[1]}"
        context = security.rest_context()
        config = uvicorn.Config(
            RestObserver(security.guarded(app), observer),
            access_log=False,
            lifespan="off",
            log_config=None,
            log_level=logging.WARNING,
            server_header=False,
            ssl_context_factory=(lambda *_: context) if context else None,
            timeout_graceful_shutdown=math.ceil(flush_s) + 1,  # the connections are gone by then: see `stop`
            timeout_keep_alive=_KEEP_ALIVE_S,
            ws="none",
        )
        self._server = _Uvicorn(config)
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Return once it answers."""
        self._serving = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        while not self._server.started and not self._serving.done():
            await asyncio.sleep(_START_POLL_S)

    async def stop(self) -> None:
        """Close the port and let answers under way out.

        A connection over TLS is closed when its caller agrees, which one that idles may never do: it is cut off.
        """
        self._server.should_exit = True
        if self._serving:
            await asyncio.wait({self._serving}, timeout=self._flush_s)
            for connection in list(self._server.server_state.connections):
                connection.transport.abort()
            await self._serving
        self._socket.close()
