"""Versions loaded, warmed and closed, away from the event loop."""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .memory import give_back
from .metrics import LoadMetrics
from .options import Options
from .servable import Servable, SessionSettings
from .trial import Trial
from .warmup import warm_up

_log = logging.getLogger(__name__)


class Loader:
    """Loads at most `num_load_threads` versions at a time, trials included."""

    def __init__(
        self, options: Options, sessions: SessionSettings, metrics: LoadMetrics, *, admit: Callable[[Servable], None]
    ) -> None:
        """`admit` is given each version before it is warmed, and raises a CallError where it is not fit to serve."""
        self._sessions = sessions
        self._metrics = metrics
        self._admit = admit
        self._iterations = options.num_request_iterations_for_warmup if options.enable_model_warmup else 0
        self._trial = Trial(
            tags=sessions.tags,
            config=sessions.config.SerializeToString(),
            warmup_iterations=self._iterations,
            timeout_s=options.trial_timeout_seconds,
        )
        self._threads = ThreadPoolExecutor(max(1, options.num_load_threads), thread_name_prefix="loader")
        self._turns = asyncio.Semaphore(max(1, options.num_load_threads))

    async def load(self, name: str, number: int, path: Path, *, on_trial: bool) -> Servable:
        """The version that lies in `path`, loaded and warmed; with `on_trial` in a child process before.

        Raises:
            CallError: it does not load, or a warm-up record does not run.
        """
        async with self._turns:
            if on_trial:
                await self._trial.run(path)
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._load, name, number, path)

    async def close(self, servable: Servable) -> None:
        """Give a version's threads and memory back; no run of it may be under way."""
        await asyncio.get_running_loop().run_in_executor(self._threads, _close, servable)
        _log.info("Unloaded servable version {name: %s version: %d}", servable.name, servable.version)

    def _load(self, name: str, number: int, path: Path) -> Servable:
        started_s = time.perf_counter()
        servable = Servable(path, name=name, version=number, settings=self._sessions)
        loaded_s = time.perf_counter()
        self._metrics.loaded(name, number, path, loaded_s - started_s)
        try:
            self._admit(servable)
            records = warm_up(servable, self._iterations) if self._iterations else 0
        except BaseException:
            servable.close()
            raise
        passed_s = time.perf_counter() - loaded_s
        give_back()
        self._metrics.warmed(name, number, path, records=records, passed_s=passed_s)
        _log.info(
            "Successfully loaded servable version {name: %s version: %d} in %.1f s, %d warm-up records in %.1f s",
            name,
            number,
            loaded_s - started_s,
            records,
            passed_s,
        )
        return servable


def _close(servable: Servable) -> None:
    servable.close()
    give_back()
