"""The servers of one run, all of which end with it."""

import asyncio
import time
from collections.abc import Callable, Collection
from pathlib import Path
from types import TracebackType

from .candidates import Candidate
from .load import Caller, Load
from .machine import available_memory_bytes
from .measurement import Round
from .server import Server

STEADY = 0.7  # of what the first default answers at full load


class Bench:
    """Measures candidates on servers that stay up until they are let go. A context that ends all of them.

    Where memory is short, the one that was visited longest ago is ended early, and started again when it is needed.
    """

    def __init__(
        self,
        version: Path,
        load: Load,
        folder: Path,
        *,
        available_bytes: Callable[[], float] = available_memory_bytes,
    ) -> None:
        self._version = version
        self._load = load
        self._folder = folder
        self._available_bytes = available_bytes
        self._servers: dict[Candidate, Server] = {}
        self._started = 0
        self.start_s: list[float] = []
        self.visit_s: list[float] = []

    def __enter__(self) -> "Bench":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.keep([])

    def keep(self, candidates: Collection[Candidate]) -> None:
        """End the servers of all other candidates."""
        for candidate in [candidate for candidate in self._servers if candidate not in candidates]:
            self._servers.pop(candidate).stop()

    def visit(self, candidate: Candidate, rate_per_s: float = 0.0, *, check: bool = False) -> Round:
        """One round on a candidate, whose server is started where it is not up.

        The steady rate is `rate_per_s`, or where that is 0 STEADY of what it answers at full load itself. `check` sends
        each image alone first.

        Raises:
            TuneError: the server does not start or does not answer.
        """
        if candidate not in self._servers:
            self._start(candidate)
        server = self._servers.pop(candidate)
        self._servers[candidate] = server  # the last of them: the first is the one to end
        began_s = time.perf_counter()
        done = asyncio.run(_visit(server, self._load, rate_per_s, check=check))
        self.visit_s.append(time.perf_counter() - began_s)
        return done

    def _start(self, candidate: Candidate) -> None:
        began_s = time.perf_counter()
        while self._servers and not self._has_room():
            self._servers.pop(next(iter(self._servers))).stop()
        folder = self._folder / str(self._started)
        folder.mkdir()
        self._started += 1
        server = self._servers[candidate] = Server(self._version, candidate, folder)
        asyncio.run(_warm(server, self._load, candidate))
        self.start_s.append(time.perf_counter() - began_s)

    def _has_room(self) -> bool:
        """Whether one more server like the largest would leave as much memory again to the rest of the machine."""
        largest = max(server.memory_bytes() for server in self._servers.values())
        return self._available_bytes() >= 2 * largest


async def _warm(server: Server, load: Load, candidate: Candidate) -> None:
    """Let the server meet what it is going to be measured with: what a first run sets up is none of its speed."""
    async with Caller(server.address, load) as caller:
        if candidate.setting:
            await caller.warm(candidate.setting)
        else:  # any size may come
            await _round(caller, server, 0.0)


async def _visit(server: Server, load: Load, rate_per_s: float, *, check: bool) -> Round:
    async with Caller(server.address, load) as caller:
        if check:
            await caller.check()
        return await _round(caller, server, rate_per_s)


async def _round(caller: Caller, server: Server, rate_per_s: float) -> Round:
    full = await caller.saturate(server.cpu_s)
    steady = await caller.offer(rate_per_s or STEADY * full.images_per_s)
    return Round(
        images_per_s=full.images_per_s,
        full_load_ms=tuple(answer.latency_ms for answer in full.answers),
        steady_ms=tuple(answer.latency_ms for answer in steady),
        cpu_ms_an_image=full.cpu_ms_an_image,
    )
