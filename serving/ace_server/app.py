"""The server's life: build everything, start it, serve, drain."""

import asyncio
import logging
import os
import signal
from pathlib import Path

from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection
from tensorflow_serving.apis import model_service_pb2, prediction_service_pb2

from .descriptors import Descriptors, raise_limit
from .errors import CallError, StartError
from .followed_file import FollowedFile
from .grpc_answers import GrpcAnswers
from .grpc_api import ModelService, PredictionService
from .grpc_server import bind, bind_admin, new_server
from .grpc_services import add_service
from .health import SERVICES, Health
from .manager import Manager
from .model_config import ModelConfig, configured_model, read_model_config
from .monitoring_config import DEFAULT_PATH, read_metrics_path
from .observing import Observer
from .options import Options
from .parts import Parts, new_parts
from .reloads import model_roots, reload_refused, reload_within
from .rest_api import RestApi
from .rest_server import RestServer
from .security import Security
from .status_page import StatusPage
from .tracing import new_spans

_log = logging.getLogger(__name__)
_PREDICTION_SERVICE = prediction_service_pb2.DESCRIPTOR.services_by_name["PredictionService"]
_MODEL_SERVICE = model_service_pb2.DESCRIPTOR.services_by_name["ModelService"]
_HEALTH_SERVICE = health_pb2.DESCRIPTOR.services_by_name["Health"]
_FLUSH_S = 1.0  # for answers that are written but not yet sent when the last call is done


async def serve(options: Options) -> int:
    """Serve until SIGTERM or SIGINT, then drain; the exit status: 0 where every call in flight was answered.

    Raises:
        StartError: a file, a port or a model is not as the options say.
    """
    raise_limit()
    config_path = options.model_config_file
    config_file = FollowedFile(Path(config_path), read_model_config) if config_path else None
    models = config_file.current if config_file else configured_model(options)
    health = Health()
    parts = new_parts(options, health.show)
    manager, gate = parts.manager, parts.gate
    inference = parts.inference(packed_outputs=options.enable_serialization_as_tensor_content)
    security = Security(options)
    spans = new_spans(os.environ)
    observer = Observer(options.access_log_sampling_rate, spans)
    api = _rest_api(options, parts, health)
    rest = RestServer(api.app, options, security, observer, flush_s=_FLUSH_S) if api else None
    answers = GrpcAnswers(observer)
    server = new_server(options, security, answers)
    add_service(server, _PREDICTION_SERVICE, PredictionService(inference, gate, parts.metrics, answers), answers)
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
        await parts.request_log.close()
        if spans:
            await spans.close()
    return 1 if unanswered else 0


def _rest_api(options: Options, parts: Parts, health: Health) -> RestApi | None:
    """The REST API, where one is wanted."""
    file = options.monitoring_config_file
    metrics_path = read_metrics_path(Path(file)) if file else DEFAULT_PATH
    if not options.rest_api_port:
        return None
    catalog, gate, metrics = parts.catalog, parts.gate, parts.metrics
    inference = parts.inference(packed_outputs=True)
    pages = StatusPage(catalog, parts.batcher, gate, metrics).routes
    # As announced, not as in the catalog: a model that a reload adds counts once it has loaded.
    return RestApi(
        inference, gate, metrics, options=options, ready=lambda: health.ready, metrics_path=metrics_path, pages=pages
    )


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
