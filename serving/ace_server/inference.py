"""Predict and the questions about models, independent of transport: messages in, messages out, CallErrors raised."""

from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, predict_pb2

from . import predict
from .batching import Batcher
from .errors import InvalidArgument
from .manager import Manager, Version

_SIGNATURE_DEF = "signature_def"  # the one metadata field that there is


class Inference:
    """What every transport calls."""

    def __init__(self, manager: Manager, batcher: Batcher) -> None:
        self._manager = manager
        self._batcher = batcher

    async def predict(self, request: predict_pb2.PredictRequest) -> predict_pb2.PredictResponse:
        """The outputs of one signature for the given inputs."""
        _require_spec(request)
        servable = self._manager.servable(request.model_spec)
        bound = predict.bind(request, servable.signatures)
        values = await self._batcher.run(servable, bound.feeds, list(bound.fetches.values()))
        return predict.respond(bound, values, model=servable.name, version=servable.version)

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
        servable = self._manager.servable(request.model_spec)
        signatures = get_model_metadata_pb2.SignatureDefMap(signature_def=servable.signatures)
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        response.model_spec.name = servable.name
        response.model_spec.version.value = servable.version
        response.metadata[_SIGNATURE_DEF].Pack(signatures)
        return response

    def status(
        self, request: get_model_status_pb2.GetModelStatusRequest
    ) -> get_model_status_pb2.GetModelStatusResponse:
        """The state of every version of a model, or of the one that is asked for."""
        _require_spec(request)
        response = get_model_status_pb2.GetModelStatusResponse()
        for version in self._manager.status(request.model_spec):
            response.model_version_status.append(_status_of(version))
        return response


def _require_spec(
    request: predict_pb2.PredictRequest
    | get_model_metadata_pb2.GetModelMetadataRequest
    | get_model_status_pb2.GetModelStatusRequest,
) -> None:
    if not request.HasField("model_spec"):
        raise InvalidArgument("Missing ModelSpec")


def _status_of(version: Version) -> get_model_status_pb2.ModelVersionStatus:
    status = get_model_status_pb2.ModelVersionStatus(version=version.number, state=version.state.value)
    status.status.SetInParent()
    if version.error:
        status.status.error_code = version.error.code.value[0]
        status.status.error_message = str(version.error)
    return status
