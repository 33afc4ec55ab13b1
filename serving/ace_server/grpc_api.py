"""TensorFlow Serving's gRPC services over `Inference`: convert, call, convert."""

import asyncio
import functools
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar, cast

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

from .errors import Unavailable
from .grpc_answers import Context, GrpcAnswers
from .inference import Inference
from .metrics import Metrics
from .reloads import Reload

# A caller with other replicas need not wait for this one; all callers at the same moment would be too many for those.
_ELSEWHERE_S = (0.01, 0.03)

_Method = TypeVar("_Method", bound=Callable[..., Any])


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
            refusal = Unavailable("The server is draining and takes no new calls. Try again: another replica answers.")
            refusal.retry_after_s = random.uniform(*_ELSEWHERE_S)
            raise refusal
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
        """Close the gate and wait at most `grace_s` for the calls under way; the number that did not finish.

        Who is cancelled meanwhile waits no longer.
        """
        self._closed = True
        with suppress(asyncio.TimeoutError, asyncio.CancelledError):
            await asyncio.wait_for(self._empty.wait(), grace_s)
        return self._calls


def _answered(method: _Method) -> _Method:
    """The method as gRPC calls it; see GrpcAnswers."""
    name = "/tensorflow.serving." + method.__qualname__.replace(".", "/")

    @functools.wraps(method)
    async def answered(self: Any, request: Any, context: Context) -> Any:
        return await self._answers.give(name, request, context, method(self, request, context))

    return cast(_Method, answered)


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """tensorflow.serving.PredictionService."""

    def __init__(self, inference: Inference, gate: Gate, metrics: Metrics, answers: GrpcAnswers) -> None:
        self._inference = inference
        self._answers = answers
        self._gate = gate
        self._metrics = metrics

    @_answered
    async def Predict(self, request: predict_pb2.PredictRequest, context: Context) -> predict_pb2.PredictResponse:
        """Outputs of a signature for the inputs given."""
        with self._metrics.call(request.model_spec.name, "Predict", "GRPC") as call, self._gate.passage():
            response = await self._inference.predict(request)
            call.version = str(response.model_spec.version.value)
            return response

    @_answered
    async def Classify(
        self, request: classification_pb2.ClassificationRequest, context: Context
    ) -> classification_pb2.ClassificationResponse:
        """Labels and scores of tf.Examples."""
        with self._metrics.call(request.model_spec.name, "Classify", "GRPC") as call, self._gate.passage():
            response = await self._inference.classify(request)
            call.version = str(response.model_spec.version.value)
            return response

    @_answered
    async def Regress(
        self, request: regression_pb2.RegressionRequest, context: Context
    ) -> regression_pb2.RegressionResponse:
        """Values of tf.Examples."""
        with self._metrics.call(request.model_spec.name, "Regress", "GRPC") as call, self._gate.passage():
            response = await self._inference.regress(request)
            call.version = str(response.model_spec.version.value)
            return response

    @_answered
    async def MultiInference(
        self, request: inference_pb2.MultiInferenceRequest, context: Context
    ) -> inference_pb2.MultiInferenceResponse:
        """Several Classify and Regress tasks over the same tf.Examples."""
        model = request.tasks[0].model_spec.name if request.tasks else ""
        with self._metrics.call(model, "MultiInference", "GRPC") as call, self._gate.passage():
            response = await self._inference.multi_inference(request)
            call.version = str(response.results[0].model_spec.version.value)
            return response

    @_answered
    async def GetModelMetadata(
        self, request: get_model_metadata_pb2.GetModelMetadataRequest, context: Context
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        """The signatures of a version."""
        return self._inference.metadata(request)


class ModelService(model_service_pb2_grpc.ModelServiceServicer):
    """tensorflow.serving.ModelService."""

    def __init__(self, inference: Inference, reload: Reload, answers: GrpcAnswers) -> None:
        self._inference = inference
        self._answers = answers
        self._reload = reload

    @_answered
    async def GetModelStatus(
        self, request: get_model_status_pb2.GetModelStatusRequest, context: Context
    ) -> get_model_status_pb2.GetModelStatusResponse:
        """The states of a model's versions."""
        return self._inference.status(request)

    @_answered
    async def HandleReloadConfigRequest(
        self, request: model_management_pb2.ReloadConfigRequest, context: Context
    ) -> model_management_pb2.ReloadConfigResponse:
        """Serve the models of the request and no others; answered once they are loaded, with nothing changed if not."""
        await self._reload(request.config)
        response = model_management_pb2.ReloadConfigResponse()
        response.status.SetInParent()
        return response
