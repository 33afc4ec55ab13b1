"""The server's life: build everything, start it, serve, drain."""

import asyncio
import logging
import signal
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

from .batching import Batcher
from .config import BatchingParameters, read_batching_parameters
from .errors import StartError
from .grpc_api import Gate, ModelService, PredictionService
from .inference import Inference
from .manager import Manager
from .options import Options

_log = logging.getLogger(__name__)
_FLUSH_S = 1.0  # for answers that are written but not yet sent when the last call is done
_SERVICES = ("tensorflow.serving.PredictionService", "tensorflow.serving.ModelService")
_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
_CHANNEL_OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.so_reuseport", 0),  # a second server on the port must fail, not take half of the calls
]


async def serve(options: Options) -> int:
    """Serve until SIGTERM or SIGINT, then drain; the exit status: 0 where every call in flight was answered.

    Raises:
        StartError: a file, a port or a model is not as the options say.
    """
    file = options.batching_parameters_file
    parameters = read_batching_parameters(Path(file)) if file else BatchingParameters()
    batcher = Batcher(parameters, merging=options.enable_batching)
    manager = Manager(options, batcher)
    inference, gate, liveness = Inference(manager, batcher), Gate(), health.HealthServicer()
    server = grpc.aio.server(options=_CHANNEL_OPTIONS)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(PredictionService(inference, gate), server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(ModelService(inference), server)
    health_pb2_grpc.add_HealthServicer_to_server(liveness, server)
    port = _bind(server, options)
    await _set_health(liveness, options, _NOT_SERVING)
    await server.start()
    _cancel_on_signal()
    unanswered = 0
    try:
        await manager.start()
        await _set_health(liveness, options, _SERVING)
        _log.info("Running gRPC ModelServer at %s:%d ...", options.host, port)
        await manager.watch()
    except asyncio.CancelledError:
        _log.info("Draining: new calls are refused, those in flight have %g s", options.drain_seconds)
        await _set_health(liveness, options, _NOT_SERVING)
        unanswered = await gate.drain(options.drain_seconds)
        _log.info("Drained, %d calls unanswered", unanswered)
    finally:
        await server.stop(_FLUSH_S)
    return 1 if unanswered else 0


def _bind(server: grpc.aio.Server, options: Options) -> int:
    host = f"[{options.host}]" if ":" in options.host else options.host
    try:
        return server.add_insecure_port(f"{host}:{options.port}")
    except RuntimeError as error:
        raise StartError(
            f"Cannot listen on {host}:{options.port}: the port is in use, or the address is not this machine's. "
            "Pass another --port, or --host."
        ) from error


def _cancel_on_signal() -> None:
    """SIGTERM and SIGINT cancel the current task; a second one cancels its draining too."""
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("only a task can be cancelled by a signal")
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)


async def _set_health(servicer: health.HealthServicer, options: Options, status: int) -> None:
    """Say so for the server as a whole, for its services, and for the model by its name."""
    for service in ("", *_SERVICES, options.model_name):
        await servicer.set(service, status)
