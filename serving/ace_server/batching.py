"""Requests waiting for a runner, merged where they may be.

Batching is continuous: a runner that becomes free takes at once what has queued, up to `max_batch_size` rows. Only
while a runner idles does a part-filled batch wait, for at most `batch_timeout_micros`. Without batching the same
runners take one request at a time, so that many callers never mean many runs at once. How requests are merged, padded
and split is in `merging`.

Where one run spreads over all processors (`spread`), a second one beside it makes both slower and gains only what the
first leaves idle. So runs go one at a time while few requests wait, and one more for every few that do.
"""

import asyncio
import time
from collections import deque
from collections.abc import Hashable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from . import calls
from .admission import Admission, bytes_of
from .config import BatchingParameters, read_batching_parameters
from .errors import CallError, InvalidArgument, StartError
from .merging import joined, kind_of, merge, parts_of, rows_of, split
from .metrics import Run, RunMetrics
from .quickness import Quickness
from .servable import Servable
from .tensors import Array

_OWN_PARAMETERS = "batching_params.pbtxt"  # in a version's folder; TensorFlow Serving's name for it
_BACKLOG_PER_RUN = 2  # waiting requests for which one more run that spreads over all processors is worth its delay

_Outcome = list[Array] | Exception


@dataclass(eq=False)
class _Task:
    feeds: Mapping[str, Array]
    bytes: int  # of the feeds
    rows: int
    queued_s: float  # loop time
    ready_s: float  # loop time from which on it need not wait for company
    result: asyncio.Future[list[Array]]
    call: calls.Account | None = field(default_factory=calls.current)  # that waits for it


@dataclass(eq=False)
class _Queue:
    """Tasks that one run may answer: of one servable, one set of fetches, and feeds that may be merged."""

    key: Hashable
    servable: Servable
    fetches: Sequence[str]
    parameters: BatchingParameters | None  # None where nothing is merged
    tasks: deque[_Task] = field(default_factory=deque)
    rows: int = 0

    @property
    def max_rows(self) -> int:
        """What one run takes."""
        return self.parameters.max_rows_of_run if self.parameters else 1

    def padded(self, rows: int) -> int:
        """The number of rows that a run over `rows` rows is made with."""
        return self.parameters.padded(rows) if self.parameters else rows

    def add(self, task: _Task) -> None:
        self.tasks.append(task)
        self.rows += task.rows

    def take(self) -> list[_Task]:
        taken: list[_Task] = []
        rows = 0
        while self.tasks and (not taken or rows + self.tasks[0].rows <= self.max_rows):
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
        each_its_own: bool = False,
        spread: bool = False,
        max_bytes: int = 0,
        metrics: RunMetrics | None = None,
    ) -> None:
        """Without `merging`, all that counts of `parameters` is how many runners there are.

        Likewise where `each_its_own`: requests are then merged by the parameters in the folder of their version.
        `spread` says that one run may take all processors; the inputs of all requests together may take `max_bytes`
        (0: without limit).
        """
        self._runners = parameters.num_batch_threads
        self._common = parameters if merging and not each_its_own else None
        self._own: WeakKeyDictionary[Servable, BatchingParameters] = WeakKeyDictionary()
        self._each_its_own = merging and each_its_own
        self._spread = spread
        self._metrics = metrics or RunMetrics()
        self.admission = Admission(max_bytes=max_bytes)
        self._quickness = Quickness()
        self._queues: dict[Hashable, _Queue] = {}
        self._idle_runners = self._runners
        self._threads = ThreadPoolExecutor(self._runners, thread_name_prefix="runner")
        self._runs: dict[asyncio.Task[None], Servable] = {}
        self._timer: asyncio.TimerHandle | None = None

    def admit(self, servable: Servable) -> None:
        """Read how requests for this version are to be merged, where each has its own parameters; safe in a thread.

        A version without a file of them takes its requests one by one, as in TensorFlow Serving.

        Raises:
            InvalidArgument: the file is not as it must be, so the version is not fit to serve.
        """
        file = servable.path / _OWN_PARAMETERS
        if not self._each_its_own or not file.exists():
            return
        try:
            self._own[servable] = read_batching_parameters(file)
        except StartError as error:
            raise InvalidArgument(str(error)) from error

    async def run(self, servable: Servable, feeds: Mapping[str, Array], fetches: Sequence[str]) -> list[Array]:
        """What `servable.run` returns, from a run that other requests may share.

        A caller that is cancelled while it waits leaves the queue and costs no run.

        Raises:
            InvalidArgument: with batching, the inputs have no common number of rows, or more than `max_batch_size`.
            FailedPrecondition: with batching, an output has not a row for each row of the inputs.
            Unavailable: with batching, the queue is full.
            ResourceExhausted: too many requests wait, or too many bytes.
            ModelError: TensorFlow failed on this request.
        """
        parameters = self._own.get(servable, self._common)
        parts = parts_of(feeds, parameters) if parameters else [feeds]
        # Parts that were padded differently might not fit together again.
        padding = parameters is not None and parameters.pad_variable_length_inputs and len(parts) == 1
        key = (servable, tuple(fetches), kind_of(feeds, padding=padding))
        queue = self._queues.get(key) or _Queue(key, servable, fetches, parameters)
        tasks = [self._task(part, parameters) for part in parts]
        size, rows = sum(task.bytes for task in tasks), sum(task.rows for task in tasks)
        with self.admission.admitted(size, rows, queue.rows, parameters):
            for task in tasks:
                queue.add(task)
            self._queues[key] = queue
            self._dispatch()
            try:
                return joined([await task.result for task in tasks])
            except BaseException as error:
                self._withdraw(queue, tasks, cancelled=isinstance(error, asyncio.CancelledError))
                raise

    def _task(self, feeds: Mapping[str, Array], parameters: BatchingParameters | None) -> _Task:
        loop = asyncio.get_running_loop()
        wait_s = parameters.batch_timeout_micros / 1e6 if parameters and self._idle_runners else 0.0
        rows, now_s = rows_of(feeds) if parameters else 1, loop.time()
        return _Task(feeds, bytes_of(feeds), rows, now_s, now_s + wait_s, loop.create_future())

    def _withdraw(self, queue: _Queue, tasks: Sequence[_Task], *, cancelled: bool) -> None:
        """Nobody waits for these tasks any more: what is still queued costs no run."""
        for task in tasks:
            if queue.discard(task) and cancelled:
                self._metrics.dropped(queue.servable.name, queue.servable.version, "cancelled")
            if not task.result.cancel() and not task.result.cancelled():
                task.result.exception()  # looked at, or asyncio logs that nobody has
        self._forget_if_empty(queue)

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
            tasks = queue.take()
            self._forget_if_empty(queue)
            size = sum(task.bytes for task in tasks)
            if self._quickness.on_the_loop(queue.servable, queue.fetches, size):
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
        running = self._runners - self._idle_runners
        waiting = sum(len(queue.tasks) for queue in self._queues.values())
        return self._idle_runners > 0 and running <= waiting // _BACKLOG_PER_RUN

    def _is_ready(self, queue: _Queue, now_s: float) -> bool:
        return queue.rows >= queue.max_rows or queue.tasks[0].ready_s <= now_s

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
        busy_runners = self._runners - self._idle_runners
        self.admission.ran(sum(task.rows for task in tasks), loop.time() - started_s, busy_runners)
        self._idle_runners += 1
        self._dispatch()
        self._finish(queue, tasks, outcomes, started_s)

    def _finish(self, queue: _Queue, tasks: Sequence[_Task], outcomes: Sequence[_Outcome], started_s: float) -> None:
        self._count(queue, tasks, started_s)
        for task, outcome in zip(tasks, outcomes, strict=True):
            if task.result.done():  # the caller has gone
                continue
            if isinstance(outcome, Exception):
                task.result.set_exception(outcome)
            else:
                task.result.set_result(outcome)

    def _count(self, queue: _Queue, tasks: Sequence[_Task], started_s: float) -> None:
        rows = [task.rows for task in tasks]
        run = Run(
            rows=rows,
            padded_rows=queue.padded(sum(rows)),
            waits_s=[started_s - task.queued_s for task in tasks],
            run_s=asyncio.get_running_loop().time() - started_s,
        )
        merging = queue.parameters is not None
        self._metrics.ran(queue.servable.name, queue.servable.version, run, merging=merging)
        for task in tasks:
            if task.call:
                task.call.ran(task.queued_s, started_s, started_s + run.run_s)

    def _attempt(self, queue: _Queue, tasks: Sequence[_Task]) -> Sequence[_Outcome]:
        try:
            return self._outcomes(queue, tasks)
        except Exception as error:  # the run's last line of defence: its callers must hear of it
            return [error] * len(tasks)

    def _outcomes(self, queue: _Queue, tasks: Sequence[_Task]) -> list[_Outcome]:
        """Each task's outputs. Where a merged run fails, each runs alone: only the bad one gets the error."""
        try:
            if queue.parameters is None:
                return [self._values(queue, tasks[0].feeds, tasks[0].bytes)]
            rows = [task.rows for task in tasks]
            merged = merge([task.feeds for task in tasks], queue.padded(sum(rows)))
            values = self._values(queue, merged, sum(task.bytes for task in tasks))
            return [*split(values, rows, queue.padded(sum(rows)))]
        except CallError as error:
            if len(tasks) == 1:
                return [error]
            return [outcome for task in tasks for outcome in self._outcomes(queue, [task])]

    def _values(self, queue: _Queue, feeds: Mapping[str, Array], size: int) -> list[Array]:
        started_s = time.perf_counter()
        in_one_thread = self._quickness.in_one_thread(queue.servable, queue.fetches)
        values = queue.servable.run(feeds, queue.fetches, in_one_thread=in_one_thread)
        self._quickness.ran(queue.servable, queue.fetches, time.perf_counter() - started_s, size)
        return values
