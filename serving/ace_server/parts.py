"""The server's inside, put together from its options: what every transport is built on."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from .batching import Batcher
from .catalog import Catalog
from .config import BatchingParameters, read_batching_parameters
from .grpc_api import Gate
from .inference import Inference
from .manager import Manager
from .metrics import Metrics
from .options import Options
from .request_log import RequestLog
from .servable import SessionSettings
from .session_config import runs_spread, session_config


@dataclass(frozen=True)
class Parts:
    """They belong to one event loop."""

    manager: Manager
    batcher: Batcher
    gate: Gate
    metrics: Metrics
    request_log: RequestLog

    @property
    def catalog(self) -> Catalog:
        """What is known of the models."""
        return self.manager.catalog

    def inference(self, *, packed_outputs: bool) -> Inference:
        """What a transport calls."""
        return Inference(
            self.catalog, self.batcher, self.metrics.calls, self.request_log, packed_outputs=packed_outputs
        )


def new_parts(options: Options, announce: Callable[[Mapping[str, bool]], Awaitable[None]]) -> Parts:
    """The parts, without a model so far; `announce` hears which models are ready when that changes.

    Raises:
        StartError: a file that the options name is not as it must be.
    """
    metrics = Metrics()
    sessions = SessionSettings(tuple(options.saved_model_tags.split(",")), session_config(options))
    batcher = Batcher(
        _batching_parameters(options),
        merging=options.enable_batching,
        each_its_own=options.enable_per_model_batching_parameters,
        spread=runs_spread(sessions.config),
        max_bytes=options.max_in_flight_bytes,
        metrics=metrics.runs,
    )
    manager = Manager(options, batcher, sessions, announce=announce, metrics=metrics)
    metrics.is_known = manager.catalog.models.__contains__
    request_log = RequestLog(manager.catalog.request_logging, metrics.calls.request_log_count)
    parts = Parts(manager, batcher, Gate(), metrics, request_log)
    _show_samples(parts)
    return parts


def _batching_parameters(options: Options) -> BatchingParameters:
    file, flag = options.batching_parameters_file, "batching_parameters_file"
    return read_batching_parameters(Path(file), flag=flag) if file else BatchingParameters()


def _show_samples(parts: Parts) -> None:
    sample, catalog, batcher = parts.metrics.sample, parts.catalog, parts.batcher
    version, written = ("model_name", "version"), "ace_server_version_written_timestamp_seconds"
    sample("ace_server_queue_rows", "Rows that wait for a run.", version, batcher.waiting)
    sample("ace_server_in_flight_bytes", "Inputs that wait or run.", (), batcher.admission.bytes_held)
    sample("ace_server_version_state", "1 for the state of each version.", (*version, "state"), catalog.states)
    sample(written, "When each served version was written.", version, catalog.written)
