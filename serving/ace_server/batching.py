"""Requests waiting for a runner, merged where they may be.

Batching is continuous: a runner that becomes free takes at once what has queued, up to `max_batch_size` rows. Only
while a runner idles does a part-filled batch wait, for at most `batch_timeout_micros`. Without batching the same
runners take one request at a time, so that many callers never mean many runs at once.

Where one run spreads over all processors (`spread`), a second one beside it makes both slower and gains only what the
first leaves idle. So runs go one at a time while few requests wait, and one more for every few that do.
"""

import asyncio
import time
from collections import deque
from collections.abc import Hashable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from .admission import Admission
from .config import BatchingParameters
from .errors import CallError, FailedPrecondition, InvalidArgument
from .metrics import Run, RunMetrics
from .quickness import Quickness
from .servable import Servable
from .tensors import Array

_BACKLOG_PER_RUN = 2  # waiting requests for which one more run that spreads over all processors is worth its delay

_Outcome = list[Array] | Exception


@dataclass(eq=False)
class _Task:
    feeds: Mapping[str, Array]
    rows: int
    queued_s: float  # loop time
    ready_s: float  # loop time from which on it need not wait for company
    result: asyncio.Future[list[Array]]


@dataclass(eq=False)
class _Queue:
    """Tasks that one run may answer: of one servable, one set of fetches, and feeds of one dtype and inner shape."""

    key: Hashable
    servable: Servable
    fetches: Sequence[str]
    tasks: deque[_Task] = field(default_factory=deque)
    rows: int = 0

    def add(self, task: _Task) -> None:
        self.tasks.append(task)
        self.rows += task.rows

    def take(self, max_rows: int) -> list[_Task]:
        taken: list[_Task] = []
        rows = 0
        while self.tasks and (not taken or rows + self.tasks[0].rows <= max_rows):
            taken.append(self.tasks.popleft())
            rows += taken[-1].rows
        self.rows -= rows
        return taken

    def discard(self, task: _Task) -> bool:
        """Take one task out; whether it was still there."""
        if task not in self.tasks:
            return False
        self.tasks.remove(task)
        self.rows -= task.rows
        return True


class Batcher:
    """The runners and what waits for them. Used from one event loop; the runs are in threads of its own."""

    def __init__(
        self,
        parameters: BatchingParameters,
        *,
        merging: bool,
        spread: bool = False,
        max_bytes: int = 0,
        metrics: RunMetrics | None = None,
    ) -> None:
        """Without `merging`, all that counts of `parameters` is how many runners there are.

        `spread` says that one run may take all processors; the inputs of all requests together may take `max_bytes`
        (0: without limit).
        """
        self._parameters = parameters
        self._merging = merging
        self._spread = spread
        self._metrics = metrics or RunMetrics()
        self.admission = Admission(parameters, merging=merging, max_bytes=max_bytes)
        self._quickness = Quickness()
        self._max_rows = parameters.max_batch_size if merging else 1
        self._queues: dict[Hashable, _Queue] = {}
        self._idle_runners = parameters.num_batch_threads
        self._threads = ThreadPoolExecutor(parameters.num_batch_threads, thread_name_prefix="runner")
        self._runs: dict[asyncio.Task[None], Servable] = {}
        self._timer: asyncio.TimerHandle | None = None

    async def run(self, servable: Servable, feeds: Mapping[str, Array], fetches: Sequence[str]) -> list[Array]:
        """What `servable.run` returns, from a run that other requests may share.

        A caller that is cancelled while it waits leaves the queue and costs no run.

        Raises:
            InvalidArgument: with batching, the inputs have no common number of rows, or more than `max_batch_size`.
            Unavailable: with batching, the queue is full.
            ResourceExhausted: too many requests wait, or too many bytes.
            ModelError: TensorFlow failed on this request.
        """
        loop = asyncio.get_running_loop()
        rows = _rows(feeds) if self._merging else 1
        key = _key(servable, feeds, fetches)
        queue = self._queues.get(key) or _Queue(key, servable, fetches)
        with self.admission.admitted(feeds, rows, queue.rows):
            wait_s = self._parameters.batch_timeout_micros / 1e6 if self._merging and self._idle_runners else 0.0
            queued_s = loop.time()
            task = _Task(feeds, rows, queued_s, queued_s + wait_s, loop.create_future())
            queue.add(task)
            self._queues[key] = queue
            self._dispatch()
            try:
                return await task.result
            except asyncio.CancelledError:
                if queue.discard(task):
                    self._metrics.dropped(servable.name, servable.version, "cancelled")
                self._forget_if_empty(queue)
                raise

    def busy_with(self, servable: Servable) -> bool:
        """Whether a request for this servable waits or runs."""
        waiting = any(queue.servable is servable for queue in self._queues.values())
        return waiting or servable in self._runs.values()

    def waiting(self) -> dict[tuple[str, ...], float]:
        """How many rows wait, by model and version."""
        rows: dict[tuple[str, ...], float] = {}
        for queue in self._queues.values():
            labels = (queue.servable.name, str(queue.servable.version))
            rows[labels] = rows.get(labels, 0) + queue.rows
        return rows

    def _dispatch(self) -> None:
        """Start a run for each idle runner that finds a queue ready, and come back when the next one will be."""
        loop = asyncio.get_running_loop()
        while self._queues and self._may_run():
            ready = [queue for queue in self._queues.values() if self._is_ready(queue, loop.time())]
            if not ready:
                self._wake_at(min(queue.tasks[0].ready_s for queue in self._queues.values()))
                return
            queue = min(ready, key=lambda queue: queue.tasks[0].ready_s)
            tasks = queue.take(self._max_rows)
            self._forget_if_empty(queue)
            if self._quickness.on_the_loop(queue.servable, queue.fetches):
                started_s = loop.time()
                self._finish(queue, tasks, self._attempt(queue, tasks), started_s)
                continue
            self._idle_runners -= 1
            run = loop.create_task(self._run(queue, tasks))
            self._runs[run] = queue.servable
            run.add_done_callback(self._runs.pop)

    def _may_run(self) -> bool:
        """Whether there is a runner for what waits, and its run is worth what it takes from those under way."""
        if not self._spread:
            return self._idle_runners > 0
        running = self._parameters.num_batch_threads - self._idle_runners
        waiting = sum(len(queue.tasks) for queue in self._queues.values())
        return self._idle_runners > 0 and running <= waiting // _BACKLOG_PER_RUN

    def _is_ready(self, queue: _Queue, now_s: float) -> bool:
        return queue.rows >= self._max_rows or queue.tasks[0].ready_s <= now_s

    def _wake_at(self, time_s: float) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(time_s, self._dispatch)

    def _forget_if_empty(self, queue: _Queue) -> None:
        if not queue.tasks and self._queues.get(queue.key) is queue:  # not one that has followed it
            del self._queues[queue.key]

    async def _run(self, queue: _Queue, tasks: Sequence[_Task]) -> None:
        loop = asyncio.get_running_loop()
        started_s = loop.time()
        outcomes = await loop.run_in_executor(self._threads, self._attempt, queue, tasks)
        busy_runners = self._parameters.num_batch_threads - self._idle_runners
        self.admission.ran(sum(task.rows for task in tasks), loop.time() - started_s, busy_runners)
        self._idle_runners += 1
        self._dispatch()
        self._finish(queue, tasks, outcomes, started_s)

    def _finish(self, queue: _Queue, tasks: Sequence[_Task], outcomes: Sequence[_Outcome], started_s: float) -> None:
        self._count(queue.servable, tasks, started_s)
        for task, outcome in zip(tasks, outcomes, strict=True):
            if task.result.done():  # the caller has gone
                continue
            if isinstance(outcome, Exception):
                task.result.set_exception(outcome)
            else:
                task.result.set_result(outcome)

    def _count(self, servable: Servable, tasks: Sequence[_Task], started_s: float) -> None:
        rows = [task.rows for task in tasks]
        run = Run(
            rows=rows,
            padded_rows=self._parameters.padded(sum(rows)) if self._merging else sum(rows),
            waits_s=[started_s - task.queued_s for task in tasks],
            run_s=asyncio.get_running_loop().time() - started_s,
        )
        self._metrics.ran(servable.name, servable.version, run, merging=self._merging)

    def _attempt(self, queue: _Queue, tasks: Sequence[_Task]) -> Sequence[_Outcome]:
        try:
            return self._outcomes(queue, tasks)
        except Exception as error:  # the run's last line of defence: its callers must hear of it
            return [error] * len(tasks)

    def _outcomes(self, queue: _Queue, tasks: Sequence[_Task]) -> list[_Outcome]:
        """Each task's outputs. Where a merged run fails, each runs alone: only the bad one gets the error."""
        try:
            if not self._merging:
                return [self._values(queue, tasks[0].feeds)]
            rows = [task.rows for task in tasks]
            merged = _merge([task.feeds for task in tasks], self._parameters.padded(sum(rows)))
            return _split(self._values(queue, merged), rows, self._parameters.padded(sum(rows)))
        except CallError as error:
            if len(tasks) == 1:
                return [error]
            return [outcome for task in tasks for outcome in self._outcomes(queue, [task])]

    def _values(self, queue: _Queue, feeds: Mapping[str, Array]) -> list[Array]:
        started_s = time.perf_counter()
        in_one_thread = self._quickness.in_one_thread(queue.servable, queue.fetches)
        values = queue.servable.run(feeds, queue.fetches, in_one_thread=in_one_thread)
        self._quickness.ran(queue.servable, queue.fetches, time.perf_counter() - started_s)
        return values


def _rows(feeds: Mapping[str, Array]) -> int:
    """The common length of the first dimension."""
    if any(array.ndim == 0 for array in feeds.values()):
        raise InvalidArgument("Batching Run() input tensors must have at least one dimension")
    rows = {array.shape[0] for array in feeds.values()}
    if len(rows) > 1:
        raise InvalidArgument("Batching Run() input tensors must have equal 0th-dimension size")
    return rows.pop() if rows else 1


def _key(servable: Servable, feeds: Mapping[str, Array], fetches: Sequence[str]) -> Hashable:
    return servable, tuple(fetches), frozenset((name, array.dtype, array.shape[1:]) for name, array in feeds.items())


def _merge(feeds: Sequence[Mapping[str, Array]], rows: int) -> dict[str, Array]:
    """The feeds one below the other, filled up to `rows` rows with the first row again."""
    merged = {}
    for name in feeds[0]:
        arrays = [feed[name] for feed in feeds]
        missing = rows - sum(len(array) for array in arrays)
        padding = [np.repeat(arrays[0][:1], missing, axis=0)] if missing else []
        merged[name] = np.concatenate([*arrays, *padding]) if len(arrays) + len(padding) > 1 else arrays[0]
    return merged


def _split(outputs: Sequence[Array], rows: Sequence[int], total_rows: int) -> list[_Outcome]:
    """Each task's share of every output; padding is dropped."""
    for output in outputs:
        if output.ndim == 0:
            raise FailedPrecondition("Batched output tensor has 0 dimensions")
        if len(output) != total_rows:
            raise FailedPrecondition(
                "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of the input "
                "tensors"
            )
    ends = np.cumsum(rows)
    return [[output[end - n : end] for output in outputs] for n, end in zip(rows, ends, strict=True)]
