"""Inference and the questions about models, independent of transport: messages in, messages out, CallErrors raised."""

import asyncio
import time
from typing import TypeAlias

from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    input_pb2,
    model_pb2,
    predict_pb2,
    regression_pb2,
)

from . import calls, examples, predict
from .batching import Batcher
from .catalog import Catalog
from .errors import InvalidArgument
from .metrics import CallMetrics
from .request_log import RequestLog
from .servable import Servable
from .tensors import Array, to_packed_proto, to_proto
from .versions import Version

_SIGNATURE_DEF = "signature_def"  # the one metadata field that there is
_Bound: TypeAlias = predict.BoundRequest | examples.BoundExamples
_Request: TypeAlias = (
    predict_pb2.PredictRequest
    | classification_pb2.ClassificationRequest
    | regression_pb2.RegressionRequest
    | get_model_metadata_pb2.GetModelMetadataRequest
    | get_model_status_pb2.GetModelStatusRequest
)


class Inference:
    """What every transport calls."""

    def __init__(
        self,
        catalog: Catalog,
        batcher: Batcher,
        metrics: CallMetrics,
        request_log: RequestLog,
        *,
        packed_outputs: bool = False,
    ) -> None:
        """Predict answers with values in their typed fields, or with `packed_outputs` as bytes in `tensor_content`."""
        self._catalog = catalog
        self._batcher = batcher
        self._metrics = metrics
        self._request_log = request_log
        self._encode = to_packed_proto if packed_outputs else to_proto

    async def predict(self, request: predict_pb2.PredictRequest) -> predict_pb2.PredictResponse:
        """The outputs of one signature for the given inputs."""
        _require_spec(request)
        servable = self._catalog.servable(request.model_spec)
        bound = predict.bind(request, servable.signatures)
        values = await self._run("Predict", servable, bound)
        response = predict_pb2.PredictResponse(model_spec=_effective(servable, bound.signature_name))
        for alias, value in zip(bound.fetches, values, strict=True):
            response.outputs[alias].CopyFrom(self._encode(value))
        self._request_log.log(response.model_spec, request, response)
        return response

    async def classify(
        self, request: classification_pb2.ClassificationRequest
    ) -> classification_pb2.ClassificationResponse:
        """Labels and scores of each tf.Example."""
        _require_spec(request)
        task = inference_pb2.InferenceTask(model_spec=request.model_spec, method_name=examples.CLASSIFY)
        answer = await self._infer(task, request.input)
        response = classification_pb2.ClassificationResponse(
            model_spec=answer.model_spec, result=answer.classification_result
        )
        self._request_log.log(answer.model_spec, request, response)
        return response

    async def regress(self, request: regression_pb2.RegressionRequest) -> regression_pb2.RegressionResponse:
        """A value for each tf.Example."""
        _require_spec(request)
        task = inference_pb2.InferenceTask(model_spec=request.model_spec, method_name=examples.REGRESS)
        answer = await self._infer(task, request.input)
        response = regression_pb2.RegressionResponse(model_spec=answer.model_spec, result=answer.regression_result)
        self._request_log.log(answer.model_spec, request, response)
        return response

    async def multi_inference(
        self, request: inference_pb2.MultiInferenceRequest
    ) -> inference_pb2.MultiInferenceResponse:
        """Several signatures of one model over the same tf.Examples."""
        if not request.tasks:
            raise InvalidArgument("Inference request must contain at least one task.")
        self._catalog.servable(request.tasks[0].model_spec)
        examples.check_tasks(request.tasks)
        answers = await asyncio.gather(*(self._infer(task, request.input) for task in request.tasks))
        response = inference_pb2.MultiInferenceResponse(results=answers)
        self._request_log.log(answers[0].model_spec, request, response)
        return response

    async def _infer(self, task: inference_pb2.InferenceTask, given: input_pb2.Input) -> inference_pb2.InferenceResult:
        servable = self._catalog.servable(task.model_spec)
        bound = examples.bind(task, given, servable.signatures)
        self._metrics.examples(servable.name, bound.examples)
        api = "Classify" if task.method_name == examples.CLASSIFY else "Regress"
        values = await self._run(api, servable, bound)
        answer = inference_pb2.InferenceResult()
        answer.model_spec.CopyFrom(_effective(servable, bound.signature_name))
        if task.method_name == examples.CLASSIFY:
            answer.classification_result.CopyFrom(examples.classifications(bound, values))
        else:
            answer.regression_result.CopyFrom(examples.regressions(bound, values))
        return answer

    async def _run(self, api: str, servable: Servable, bound: _Bound) -> list[Array]:
        if call := calls.current():
            call.served_by(servable.name, servable.version, bound.signature_name, _rows(bound))
        started_s = time.perf_counter()
        values = await self._batcher.run(servable, bound.feeds, list(bound.fetches.values()))
        self._metrics.in_runtime(servable.name, api, time.perf_counter() - started_s)
        return values

    def signature(self, spec: model_pb2.ModelSpec) -> meta_graph_pb2.SignatureDef:
        """The signature, with one input at least, that a request without dtypes, such as a JSON one, is for."""
        servable = self._catalog.servable(spec)
        name = spec.signature_name or predict.DEFAULT_SIGNATURE
        if name not in servable.signatures:
            raise InvalidArgument(f'Serving signature name: "{name}" not found in signature def')
        signature = servable.signatures[name]
        if not signature.inputs:
            raise InvalidArgument(f"Failed to get input map for signature: {spec.signature_name or 'DEFAULT'}")
        return signature

    def metadata(
        self, request: get_model_metadata_pb2.GetModelMetadataRequest
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        """The signatures of a version."""
        _require_spec(request)
        if not request.metadata_field:
            raise InvalidArgument("GetModelMetadataRequest must specify at least one metadata_field")
        for field in request.metadata_field:
            if field != _SIGNATURE_DEF:
                raise InvalidArgument(f"Metadata field {field} is not supported")
        servable = self._catalog.servable(request.model_spec)
        signatures = get_model_metadata_pb2.SignatureDefMap(signature_def=servable.signatures)
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        response.model_spec.CopyFrom(_effective(servable))
        response.metadata[_SIGNATURE_DEF].Pack(signatures)
        return response

    def status(
        self, request: get_model_status_pb2.GetModelStatusRequest
    ) -> get_model_status_pb2.GetModelStatusResponse:
        """The state of every version of a model, or of the one that is asked for."""
        _require_spec(request)
        response = get_model_status_pb2.GetModelStatusResponse()
        for version in self._catalog.status(request.model_spec):
            response.model_version_status.append(_status_of(version))
        return response


def _rows(bound: _Bound) -> int:
    """How many rows a request has: the length of its first input, or one."""
    first = next(iter(bound.feeds.values()), None)
    return len(first) if first is not None and first.ndim else 1


def _effective(servable: Servable, signature_name: str = "") -> model_pb2.ModelSpec:
    """The model spec that says what answered."""
    spec = model_pb2.ModelSpec(name=servable.name, signature_name=signature_name)
    spec.version.value = servable.version
    return spec


def _require_spec(request: _Request) -> None:
    if not request.HasField("model_spec"):
        raise InvalidArgument("Missing ModelSpec")


def _status_of(version: Version) -> get_model_status_pb2.ModelVersionStatus:
    status = get_model_status_pb2.ModelVersionStatus(version=version.number, state=version.state.value)
    status.status.SetInParent()
    if version.error:
        status.status.error_code = version.error.code.value[0]
        status.status.error_message = str(version.error)
    return status
