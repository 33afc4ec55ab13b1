"""The server's inside as a Ray Serve application: replicas on many machines, as many as are needed for what waits.

    pip install 'ace-detector[server,ray]'
    serve run serving/ray_serve/serve.yaml

Ray's proxies have the gRPC port and spread the calls; each replica answers as `ace_server` does, with its flags. Flags
that concern ports have no effect, those that say who may call are refused. A replica looks for new versions itself;
where `user_config` pins one (`versions: {detector: 2}`), a changed pin is carried from replica to replica.

This module is imported by the proxies too, which need no TensorFlow: it is loaded in replicas only.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NoReturn

import grpc
from google.protobuf.empty_pb2 import Empty

try:
    from ray import serve
    from ray.serve import Application
    from ray.serve.grpc_util import RayServegRPCContext
except ImportError as error:
    raise ImportError("ace_server.ray_serve needs Ray Serve: pip install 'ace-detector[server,ray]'") from error

from . import calls
from .errors import CallError, PermissionDenied, StartError
from .options import Options, parse

_PREDICTION: Final = ("Predict", "Classify", "Regress", "MultiInference", "GetModelMetadata")
_MODEL: Final = ("GetModelStatus", "HandleReloadConfigRequest")
_SERVICES: Final = {"tensorflow.serving.PredictionService": _PREDICTION, "tensorflow.serving.ModelService": _MODEL}

_DEPLOYMENT: Final[dict[str, Any]] = {
    "autoscaling_config": {"min_replicas": 1, "max_replicas": 8, "target_ongoing_requests": 8},
    "max_ongoing_requests": 100,
    "user_config": {},
}

_Answer = Callable[[Any, Any], Awaitable[Any]]


def app(args: Mapping[str, Sequence[str]]) -> Application:
    """The application, for the `import_path` of a Serve config file; its `args` hold the `flags` of `ace_server`.

    Raises:
        StartError: the flags do not go together, or ask for what Ray's proxies would have to do.
        SystemExit: they are not flags of `ace_server`.
    """
    options = parse(args["flags"])
    for name in ("ssl_config_file", "bearer_token_file"):
        if getattr(options, name):
            raise StartError(f"--{name} cannot be had under Ray Serve, whose proxies have the port. See RAY_USE_TLS.")
    return serve.deployment(**_DEPLOYMENT)(Replica).bind(options)


def add_services(_servicer: object, server: Any) -> None:
    """TensorFlow Serving's services on a proxy of Ray's, for `grpc_servicer_functions` of a Serve config file."""
    server.service_handler_factory = _retryable(server.service_handler_factory)
    handler: grpc.RpcMethodHandler[bytes, Any] = grpc.unary_unary_rpc_method_handler(_passed_on)
    for service, methods in _SERVICES.items():
        handlers = grpc.method_handlers_generic_handler(service, dict.fromkeys(methods, handler))
        server.add_generic_rpc_handlers((handlers,))


def _passed_on(_request: bytes, _context: object) -> NoReturn:
    raise NotImplementedError("Ray's proxy puts its own handler in this one's place.")


def _retryable(factory: Callable[..., _Answer]) -> Callable[..., _Answer]:
    """Ray's handlers, but UNAVAILABLE where a replica has gone: Ray says INTERNAL, which no caller may try again.

    What a replica answered, errors included, has a request id, and is left alone.
    """

    def made(**method: Any) -> _Answer:
        answer = factory(**method)

        async def answered(request: bytes, context: Any) -> Any:
            response = await answer(request, context)
            by_replica = any(name == calls.REQUEST_ID for name, _ in context.trailing_metadata() or ())
            if not by_replica and context.code() in (grpc.StatusCode.INTERNAL, grpc.StatusCode.INTERNAL.value[0]):
                context.set_code(grpc.StatusCode.UNAVAILABLE)
            return response

        return answered

    return made


class _Ended(Exception):
    """The call has been answered with an error."""


class _Context:
    """Ray's context as ours are used; the error goes with the context, as Ray drops the metadata of what is raised."""

    def __init__(self, of_ray: RayServegRPCContext) -> None:
        self._of_ray = of_ray
        self.invocation_metadata = of_ray.invocation_metadata
        self.peer = of_ray.peer

    def set_trailing_metadata(self, metadata: Sequence[tuple[str, str]]) -> None:
        """Metadata to be sent with the answer."""
        self._of_ray.set_trailing_metadata(list(metadata))

    async def abort(
        self, code: grpc.StatusCode, details: str, trailing_metadata: Sequence[tuple[str, str]] = ()
    ) -> NoReturn:
        """End the call with an error."""
        self._of_ray.set_code(code)
        self._of_ray.set_details(details)
        if trailing_metadata:
            self.set_trailing_metadata(trailing_metadata)
        raise _Ended


def _method(name: str) -> Callable[..., Awaitable[Any]]:
    async def answer(self: Any, request: bytes, grpc_context: RayServegRPCContext) -> Any:
        handler = self.handlers[name]
        try:
            return await handler.unary_unary(handler.request_deserializer(request), _Context(grpc_context))
        except _Ended:
            return Empty()

    return answer


class Replica:
    """One process with the models in it. Ray calls `reconfigure` before it sends the first call."""

    Predict = _method("Predict")
    Classify = _method("Classify")
    Regress = _method("Regress")
    MultiInference = _method("MultiInference")
    GetModelMetadata = _method("GetModelMetadata")
    GetModelStatus = _method("GetModelStatus")
    HandleReloadConfigRequest = _method("HandleReloadConfigRequest")

    def __init__(self, options: Options) -> None:
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
        from .model_config import configured_model, read_model_config  # with TensorFlow, as the next ones
        from .parts import new_parts

        file = options.model_config_file
        self._models = read_model_config(Path(file)) if file else configured_model(options)
        self._parts = new_parts(options, _unheard)
        self._watching: asyncio.Task[None] | None = None
        self.handlers = self._handlers(options)

    def _handlers(self, options: Options) -> dict[str, Any]:
        from tensorflow_serving.apis import model_service_pb2, prediction_service_pb2

        from .grpc_answers import GrpcAnswers
        from .grpc_api import ModelService, PredictionService
        from .grpc_services import handlers_of
        from .observing import Observer
        from .tracing import new_spans

        parts = self._parts
        answers = GrpcAnswers(Observer(options.access_log_sampling_rate, new_spans(os.environ)))
        inference = parts.inference(packed_outputs=options.enable_serialization_as_tensor_content)
        prediction = prediction_service_pb2.DESCRIPTOR.services_by_name["PredictionService"]
        model = model_service_pb2.DESCRIPTOR.services_by_name["ModelService"]
        return {
            **handlers_of(prediction, PredictionService(inference, parts.gate, parts.metrics, answers), answers),
            **handlers_of(model, ModelService(inference, _reload, answers), answers),
        }

    async def reconfigure(self, user_config: Mapping[str, Mapping[str, int]]) -> None:
        """Serve the versions that are pinned by model, of other models those that their policies say; also at first.

        Raises:
            StartError: one does not load.
        """
        from .repository import VersionPolicy

        pins = user_config.get("versions", {})
        pinned = {name: VersionPolicy(specific=(version,)) for name, version in pins.items()}
        models = {
            name: replace(config, policy=pinned.get(name, config.policy)) for name, config in self._models.items()
        }
        try:
            await self._parts.manager.apply(models)
        except CallError as error:
            raise StartError(str(error)) from error
        self._watching = self._watching or asyncio.create_task(self._parts.manager.watch())


async def _unheard(_ready: Mapping[str, bool]) -> None:
    """Ray asks whether a replica lives, not which models are ready."""


async def _reload(_config: object) -> NoReturn:
    raise PermissionDenied("A reload would reach one replica of several: change user_config, and deploy again.")
