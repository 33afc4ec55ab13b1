"""The server's life: build everything, start it, serve, drain."""

import asyncio
import logging
import os
import signal
from dataclasses import dataclass
from pathlib import Path

from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection
from tensorflow_serving.apis import model_service_pb2, prediction_service_pb2

from .batching import Batcher
from .catalog import Catalog
from .config import BatchingParameters, read_batching_parameters
from .descriptors import Descriptors, raise_limit
from .errors import CallError, StartError
from .followed_file import FollowedFile
from .grpc_answers import GrpcAnswers
from .grpc_api import Gate, ModelService, PredictionService
from .grpc_server import bind, bind_admin, new_server
from .grpc_services import add_service
from .health import SERVICES, Health
from .inference import Inference
from .manager import Manager
from .metrics import Metrics
from .model_config import ModelConfig, configured_model, read_model_config
from .monitoring_config import DEFAULT_PATH, read_metrics_path
from .observing import Observer
from .options import Options
from .reloads import model_roots, reload_refused, reload_within
from .request_log import RequestLog
from .rest_api import RestApi
from .rest_server import RestServer
from .security import Security
from .servable import SessionSettings
from .session_config import runs_spread, session_config
from .status_page import StatusPage
from .tracing import new_spans

_log = logging.getLogger(__name__)
_PREDICTION_SERVICE = prediction_service_pb2.DESCRIPTOR.services_by_name["PredictionService"]
_MODEL_SERVICE = model_service_pb2.DESCRIPTOR.services_by_name["ModelService"]
_HEALTH_SERVICE = health_pb2.DESCRIPTOR.services_by_name["Health"]
_FLUSH_S = 1.0  # for answers that are written but not yet sent when the last call is done


@dataclass(frozen=True)
class _Parts:
    """What both transports are built on."""

    catalog: Catalog
    batcher: Batcher
    gate: Gate
    metrics: Metrics
    request_log: RequestLog


async def serve(options: Options) -> int:
    """Serve until SIGTERM or SIGINT, then drain; the exit status: 0 where every call in flight was answered.

    Raises:
        StartError: a file, a port or a model is not as the options say.
    """
    raise_limit()
    parameters = _batching_parameters(options)
    config_path = options.model_config_file
    config_file = FollowedFile(Path(config_path), read_model_config) if config_path else None
    models = config_file.current if config_file else configured_model(options)
    health, gate, metrics = Health(), Gate(), Metrics()
    sessions = SessionSettings(tuple(options.saved_model_tags.split(",")), session_config(options))
    batcher = Batcher(
        parameters,
        merging=options.enable_batching,
        each_its_own=options.enable_per_model_batching_parameters,
        spread=runs_spread(sessions.config),
        max_bytes=options.max_in_flight_bytes,
        metrics=metrics.runs,
    )
    manager = Manager(options, batcher, sessions, announce=health.show, metrics=metrics)
    request_log = RequestLog(manager.catalog.request_logging, metrics.calls.request_log_count)
    parts = _Parts(manager.catalog, batcher, gate, metrics, request_log)
    _show_samples(parts)
    packed_outputs = options.enable_serialization_as_tensor_content
    inference = Inference(manager.catalog, batcher, metrics.calls, request_log, packed_outputs=packed_outputs)
    security = Security(options)
    spans = new_spans(os.environ)
    observer = Observer(options.access_log_sampling_rate, spans)
    api = _rest_api(options, parts)
    rest = RestServer(api.app, options, security, observer, flush_s=_FLUSH_S) if api else None
    answers = GrpcAnswers(observer)
    server = new_server(options, security, answers)
    add_service(server, _PREDICTION_SERVICE, PredictionService(inference, gate, metrics, answers), answers)
    reload, admin = reload_within(model_roots(options, models), manager), None
    if options.admin_port:
        admin = new_server(options, security, answers)
        add_service(admin, _MODEL_SERVICE, ModelService(inference, reload, answers), answers)
        reload = reload_refused(bind_admin(admin, options, security))
    add_service(server, _MODEL_SERVICE, ModelService(inference, reload, answers), answers)
    add_service(server, _HEALTH_SERVICE, health, answers)
    reflection.enable_server_reflection((*SERVICES, reflection.SERVICE_NAME), server)
    addresses = bind(server, options, security)
    await health.show(dict.fromkeys(models, False))
    await server.start()
    if admin:
        await admin.start()
    if rest:
        await rest.start()
    _cancel_on_signal()
    unanswered = 0
    try:
        try:
            await manager.apply(models)
        except CallError as error:
            raise StartError(str(error)) from error
        _log.info("Running gRPC ModelServer at %s ...", " and ".join(addresses))
        if rest:
            _log.info("Exporting HTTP/REST API at:%s ...", rest.address)
        await asyncio.gather(
            manager.watch(), _follow(config_file, options, manager), security.follow(), Descriptors().watch()
        )
    except asyncio.CancelledError:
        _log.info("Draining: new calls are refused, those in flight have %g s", options.drain_seconds)
        await health.enter_graceful_shutdown()
        unanswered = await gate.drain(options.drain_seconds)
        _log.info("Drained, %d calls unanswered", unanswered)
    finally:
        if rest:
            await rest.stop()
        if admin:
            await admin.stop(_FLUSH_S)
        await server.stop(_FLUSH_S)
        await request_log.close()
        if spans:
            await spans.close()
    return 1 if unanswered else 0


def _batching_parameters(options: Options) -> BatchingParameters:
    file, flag = options.batching_parameters_file, "batching_parameters_file"
    return read_batching_parameters(Path(file), flag=flag) if file else BatchingParameters()


def _rest_api(options: Options, parts: _Parts) -> RestApi | None:
    """The REST API, where one is wanted."""
    file = options.monitoring_config_file
    metrics_path = read_metrics_path(Path(file)) if file else DEFAULT_PATH
    if not options.rest_api_port:
        return None
    catalog, batcher, gate, metrics = parts.catalog, parts.batcher, parts.gate, parts.metrics
    inference = Inference(catalog, batcher, metrics.calls, parts.request_log, packed_outputs=True)
    pages = StatusPage(catalog, batcher, gate, metrics).routes
    return RestApi(
        inference, gate, metrics, options=options, ready=catalog.ready, metrics_path=metrics_path, pages=pages
    )


def _show_samples(parts: _Parts) -> None:
    metrics, catalog, batcher = parts.metrics, parts.catalog, parts.batcher
    version = ("model_name", "version")
    metrics.sample("ace_server_queue_rows", "Rows that wait for a run.", version, batcher.waiting)
    metrics.sample("ace_server_in_flight_bytes", "Inputs that wait or run.", (), batcher.admission.bytes_held)
    metrics.sample(
        "ace_server_version_written_timestamp_seconds",
        "When each served version was written.",
        version,
        catalog.written,
    )
    metrics.sample("ace_server_version_state", "1 for the state of each version.", (*version, "state"), catalog.states)


async def _follow(config_file: FollowedFile[dict[str, ModelConfig]] | None, options: Options, manager: Manager) -> None:
    """Apply the model config file whenever it has changed, where that is wanted."""
    wait_s = options.model_config_file_poll_wait_seconds
    if config_file and wait_s > 0:
        await config_file.follow(look_s=wait_s, put_in_force=manager.apply)


def _cancel_on_signal() -> None:
    """SIGTERM and SIGINT cancel the current task; a second one cancels its draining too."""
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("only a task can be cancelled by a signal")
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
