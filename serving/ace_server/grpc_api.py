"""TensorFlow Serving's gRPC services over `Inference`: convert, call, convert."""

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import grpc
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from .errors import CallError, Unavailable
from .inference import Inference
from .metrics import Metrics
from .reloads import Reload

_log = logging.getLogger(__name__)
_MAX_MESSAGE_CHARACTERS = 1024  # TensorFlow Serving cuts longer ones, as they travel in a header

Context = grpc.aio.ServicerContext[Any, Any]


class Gate:
    """Counts the calls under way, and takes no new ones once it is closed."""

    def __init__(self) -> None:
        self._calls = 0
        self._closed = False
        self._empty = asyncio.Event()
        self._empty.set()

    @contextmanager
    def passage(self) -> Iterator[None]:
        """One call's way through.

        Raises:
            Unavailable: the gate is closed.
        """
        if self._closed:
            raise Unavailable("The server is draining and takes no new calls. Try again: another replica will answer.")
        self._calls += 1
        self._empty.clear()
        try:
            yield
        finally:
            self._calls -= 1
            if not self._calls:
                self._empty.set()

    @property
    def is_closed(self) -> bool:
        """Whether new calls are refused."""
        return self._closed

    async def drain(self, grace_s: float) -> int:
        """Close the gate and wait at most `grace_s` for the calls under way; the number that did not finish."""
        self._closed = True
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._empty.wait(), grace_s)
        return self._calls


@asynccontextmanager
async def _errors_sent(context: Context) -> AsyncIterator[None]:
    """End the call with the code and message of what is raised inside."""
    try:
        yield
    except CallError as error:
        await context.abort(error.code, _cut(str(error)), (*context.trailing_metadata(), *_pushback(error)))
    except Exception:  # the call's last line of defence: a stranger learns that it failed, the log learns why
        _log.exception("A call failed in a way that nobody foresaw")
        await context.abort(grpc.StatusCode.INTERNAL, "Internal error; the server's log has the details.")


def _pushback(error: CallError) -> tuple[tuple[str, str], ...]:
    """The trailing metadata by which gRPC's retries are told when to try again (gRFC A6)."""
    if error.retry_after_s is None:
        return ()
    return (("grpc-retry-pushback-ms", str(math.ceil(error.retry_after_s * 1000))),)


def _cut(message: str) -> str:
    return message if len(message) <= _MAX_MESSAGE_CHARACTERS else message[:_MAX_MESSAGE_CHARACTERS] + "...TRUNCATED"


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """tensorflow.serving.PredictionService."""

    def __init__(self, inference: Inference, gate: Gate, metrics: Metrics) -> None:
        self._inference = inference
        self._gate = gate
        self._metrics = metrics

    async def Predict(self, request: predict_pb2.PredictRequest, context: Context) -> predict_pb2.PredictResponse:
        """Outputs of a signature for the inputs given."""
        async with _errors_sent(context):
            with self._metrics.call(request.model_spec.name, "Predict", "GRPC") as call, self._gate.passage():
                response = await self._inference.predict(request)
                call.version = str(response.model_spec.version.value)
                return response

    async def Classify(
        self, request: classification_pb2.ClassificationRequest, context: Context
    ) -> classification_pb2.ClassificationResponse:
        """Labels and scores of tf.Examples."""
        async with _errors_sent(context):
            with self._metrics.call(request.model_spec.name, "Classify", "GRPC") as call, self._gate.passage():
                response = await self._inference.classify(request)
                call.version = str(response.model_spec.version.value)
                return response

    async def Regress(
        self, request: regression_pb2.RegressionRequest, context: Context
    ) -> regression_pb2.RegressionResponse:
        """Values of tf.Examples."""
        async with _errors_sent(context):
            with self._metrics.call(request.model_spec.name, "Regress", "GRPC") as call, self._gate.passage():
                response = await self._inference.regress(request)
                call.version = str(response.model_spec.version.value)
                return response

    async def MultiInference(
        self, request: inference_pb2.MultiInferenceRequest, context: Context
    ) -> inference_pb2.MultiInferenceResponse:
        """Several Classify and Regress tasks over the same tf.Examples."""
        async with _errors_sent(context):
            with self._gate.passage():
                return await self._inference.multi_inference(request)

    async def GetModelMetadata(
        self, request: get_model_metadata_pb2.GetModelMetadataRequest, context: Context
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        """The signatures of a version."""
        async with _errors_sent(context):
            return self._inference.metadata(request)


class ModelService(model_service_pb2_grpc.ModelServiceServicer):
    """tensorflow.serving.ModelService."""

    def __init__(self, inference: Inference, reload: Reload) -> None:
        self._inference = inference
        self._reload = reload

    async def GetModelStatus(
        self, request: get_model_status_pb2.GetModelStatusRequest, context: Context
    ) -> get_model_status_pb2.GetModelStatusResponse:
        """The states of a model's versions."""
        async with _errors_sent(context):
            return self._inference.status(request)

    async def HandleReloadConfigRequest(
        self, request: model_management_pb2.ReloadConfigRequest, context: Context
    ) -> model_management_pb2.ReloadConfigResponse:
        """Serve the models of the request and no others; answered once they are loaded, with nothing changed if not."""
        async with _errors_sent(context):
            await self._reload(request.config)
            response = model_management_pb2.ReloadConfigResponse()
            response.status.SetInParent()
            return response
