"""What is counted: TensorFlow Serving's metrics under its own names and units, and below `ace_server_` what it lacks.

TensorFlow Serving's durations are in microseconds, ours in seconds. The series of a version go when it is unloaded.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Final

import grpc
import prometheus_client

from .errors import CallError
from .exposition import Counter, Family, Histogram, Labels, Level, Sampled, exponential, page

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_VERSION: Final = ("model_name", "version")
_US: Final = 1e6
_LATENCY_US: Final = exponential(10, 1.8, 33)  # to 20 minutes
_QUEUING_US: Final = exponential(100, 1.2, 52)  # to one second
_EXAMPLES: Final = exponential(1, 2, 15)
_ROWS: Final = exponential(1, 2, 13)  # to 4096
_SECONDS: Final = exponential(0.0005, 2, 18)  # to 65 s


class CallMetrics:
    """Calls as their callers see them."""

    def __init__(self) -> None:
        name, call = ":tensorflow:serving:", ("api", "entrypoint")
        self.request_count = Counter(f"{name}request_count", "Requests.", ("model_name", "status"))
        self.request_latency = Histogram(
            f"{name}request_latency",
            "Microseconds of each request that succeeded.",
            ("model_name", "API", "entrypoint"),
            _LATENCY_US,
        )
        self.runtime_latency = Histogram(
            f"{name}runtime_latency",
            "Microseconds of each request in the queue and in TensorFlow.",
            ("model_name", "API", "runtime"),
            _LATENCY_US,
        )
        self.example_counts = Histogram(
            f"{name}request_example_counts", "tf.Examples of each request.", ("model",), _EXAMPLES
        )
        self.request_log_count = Counter(
            f"{name}request_log_count",
            "Requests that were to be logged.",
            ("model_name", "status_code"),
        )
        self.example_count = Counter(f"{name}request_example_count_total", "tf.Examples.", ("model",))
        self.in_flight = Level("ace_server_calls_in_flight", "Calls not yet answered.", call)
        self.answered = Counter("ace_server_calls_total", "Calls answered.", (*_VERSION, *call, "status"))
        self.seconds = Histogram(
            "ace_server_call_seconds", "Seconds of each call that succeeded.", (*_VERSION, *call), _SECONDS
        )

    def examples(self, model: str, count: int) -> None:
        """A request brought so many tf.Examples."""
        self.example_counts.observe((model,), count)
        self.example_count.add((model,), count)

    def in_runtime(self, model: str, api: str, passed_s: float) -> None:
        """A request was answered by TensorFlow, queueing included."""
        self.runtime_latency.observe((model, api, "TF1"), passed_s * _US)


class Call:
    """One call from a transport, measured as a context; its status is that of the error that it ends with."""

    def __init__(self, metrics: CallMetrics, model: str, api: str, entrypoint: str) -> None:
        """`api` and `entrypoint` are spelt as by TensorFlow Serving: Predict and GRPC, predict and REST."""
        self._metrics = metrics
        self._model, self._api, self._entrypoint = model, api, entrypoint
        self._started_s = 0.0
        self.version = ""  # the one that answered, set by whoever knows it

    def __enter__(self) -> "Call":
        """Count it as in flight."""
        self._metrics.in_flight.add((self._api, self._entrypoint))
        self._started_s = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Count it as answered."""
        passed_s = time.perf_counter() - self._started_s
        status = _status(error)
        labels = (self._model, self.version, self._api, self._entrypoint)
        self._metrics.in_flight.add((self._api, self._entrypoint), -1)
        self._metrics.request_count.add((self._model, status))
        self._metrics.answered.add((*labels, status))
        if error is None:
            self._metrics.request_latency.observe((self._model, self._api, self._entrypoint), passed_s * _US)
            self._metrics.seconds.observe(labels, passed_s)


def _status(error: BaseException | None) -> str:
    if isinstance(error, CallError):
        return error.code.name
    if error is None:
        return grpc.StatusCode.OK.name
    return grpc.StatusCode.INTERNAL.name if isinstance(error, Exception) else grpc.StatusCode.CANCELLED.name


@dataclass(frozen=True)
class Run:
    """One run of a graph, for one request or for several that were merged."""

    rows: Sequence[int]  # of each request
    padded_rows: int  # of the whole run
    waits_s: Sequence[float]  # of each request in its queue
    run_s: float


class RunMetrics:
    """What happens behind the queues."""

    def __init__(self) -> None:
        name = ":tensorflow:serving:batching_session:"
        self.queuing_latency = Histogram(
            f"{name}queuing_latency", "Microseconds in the batch queue.", ("thread_pool_name",), _QUEUING_US
        )
        self.wrapped_run_count = Counter(f"{name}wrapped_run_count", "Runs of merged requests.")
        self.input_batch_size = Histogram(f"{name}input_batch_size", "Rows of each request.", (), _ROWS)
        self.processed_batch_size = Histogram(f"{name}processed_batch_size", "Rows of each run, padded.", (), _ROWS)
        self.padding_size = Histogram(f"{name}padding_size", "Rows of padding of each run.", (), _ROWS)
        self.graph_runs = Counter(":tensorflow:core:graph_runs", "Runs of graphs.")
        self.graph_run_time = Counter(":tensorflow:core:graph_run_time_usecs", "Microseconds in runs of graphs.")
        self.queue_seconds = Histogram(
            "ace_server_queue_seconds", "Seconds of each request in its queue.", _VERSION, _SECONDS
        )
        self.run_seconds = Histogram("ace_server_run_seconds", "Seconds of each run.", _VERSION, _SECONDS)
        self.batch_rows = Histogram("ace_server_batch_rows", "Rows of each run without padding.", _VERSION, _ROWS)
        self.padding_rows = Counter("ace_server_padding_rows_total", "Rows of padding.", _VERSION)
        self.dropped_calls = Counter(
            "ace_server_dropped_total", "Requests that left their queue without a run.", (*_VERSION, "reason")
        )

    def ran(self, model: str, version: int, run: Run, *, merging: bool) -> None:
        """A run has ended; with batching on (`merging`) TensorFlow Serving counts more of it."""
        labels, rows = (model, str(version)), sum(run.rows)
        self.graph_runs.add()
        self.graph_run_time.add(amount=int(run.run_s * _US))
        self.run_seconds.observe(labels, run.run_s)
        self.batch_rows.observe(labels, rows)
        self.padding_rows.add(labels, run.padded_rows - rows)
        for wait_s in run.waits_s:
            self.queue_seconds.observe(labels, wait_s)
        if merging:
            self._ran_merged(run)

    def _ran_merged(self, run: Run) -> None:
        self.wrapped_run_count.add()
        self.processed_batch_size.observe((), run.padded_rows)
        self.padding_size.observe((), run.padded_rows - sum(run.rows))
        for rows, wait_s in zip(run.rows, run.waits_s, strict=True):
            self.input_batch_size.observe((), rows)
            self.queuing_latency.observe(("batch_threads",), wait_s * _US)

    def dropped(self, model: str, version: int, reason: str) -> None:
        """A request left its queue without a run."""
        self.dropped_calls.add((model, str(version), reason))


class LoadMetrics:
    """Versions being loaded and warmed."""

    def __init__(self) -> None:
        name, path = ":tensorflow:cc:saved_model:", ("model_path",)
        self.load_attempts = Counter(f"{name}load_attempt_count", "Loads.", (*path, "status"))
        self.load_latency = Counter(f"{name}load_latency", "Microseconds of loads that succeeded.", path)
        name = ":tensorflow:serving:"
        self.warmup_latency = Histogram(
            f"{name}model_warmup_latency", "Microseconds of each warm-up.", (*path, "status"), _LATENCY_US
        )
        self.warmup_records = Counter(f"{name}model_warmup_records_read", "Warm-up records.", path)
        self.load_seconds = Level("ace_server_load_seconds", "Seconds that the last load took.", _VERSION)
        self.warmup_seconds = Level("ace_server_warmup_seconds", "Seconds that the last warm-up took.", _VERSION)

    def loaded(self, model: str, version: int, path: Path, passed_s: float) -> None:
        """A version is loaded, not yet warmed."""
        self.load_attempts.add((str(path), "success"))
        self.load_latency.add((str(path),), int(passed_s * _US))
        self.load_seconds.set((model, str(version)), passed_s)

    def failed(self, path: Path) -> None:
        """A version did not load."""
        self.load_attempts.add((str(path), "fail"))

    def warmed(self, model: str, version: int, path: Path, *, records: int, passed_s: float) -> None:
        """A version has run its warm-up records."""
        self.warmup_latency.observe((str(path), grpc.StatusCode.OK.name), passed_s * _US)
        self.warmup_records.add((str(path),), records)
        self.warmup_seconds.set((model, str(version)), passed_s)


class Metrics:
    """All metrics of one server. Used from its event loop."""

    def __init__(self) -> None:
        self.calls = CallMetrics()
        self.runs = RunMetrics()
        self.loads = LoadMetrics()
        self.is_known: Callable[[str], bool] = lambda _: True  # set by whoever knows which models there are
        self._sampled: list[Sampled] = []
        self._process = prometheus_client.CollectorRegistry()
        prometheus_client.ProcessCollector(registry=self._process)

    def call(self, model: str, api: str, entrypoint: str) -> Call:
        """A call to be measured while its context is open; whatever names callers made up are one without a name."""
        return Call(self.calls, model if self.is_known(model) else "", api, entrypoint)

    def sample(self, name: str, help_text: str, labels: Labels, read: Callable[[], Mapping[Labels, float]]) -> None:
        """Show a gauge that is read whenever the page is asked for."""
        self._sampled.append(Sampled(name, help_text, labels, read))

    def forget(self, model: str, version: int) -> None:
        """Drop what is counted by version of a version that has gone."""
        for family in self._families():
            if family.labels[:2] == _VERSION:
                family.forget((model, str(version)))

    def page(self) -> str:
        """Everything in Prometheus' text format, the process's memory and processor time included."""
        return page(self._families()) + prometheus_client.generate_latest(self._process).decode()

    def _families(self) -> list[Family]:
        groups = (vars(group).values() for group in (self.calls, self.runs, self.loads))
        return [*chain.from_iterable(groups), *self._sampled]
