"""Images → request, response → answers: what is the same for every transport, and pure."""

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt
from google.protobuf.message import DecodeError, Message
from google.protobuf.wrappers_pb2 import Int64Value

from . import contract
from .answers import Verdict, VersionStatus
from .errors import Call, UnexpectedAnswer
from .protos.serving_pb2 import (
    GetModelMetadataRequest,
    GetModelMetadataResponse,
    GetModelStatusRequest,
    GetModelStatusResponse,
    ModelSpec,
    ModelVersionStatus,
    PredictRequest,
    PredictResponse,
)
from .signatures import Metadata, misfit, read_metadata
from .tensors import Array, fill_strings, from_array, to_array, to_floats, to_texts

_BAD_ANSWER: Final = "BAD_ANSWER"

_Message = TypeVar("_Message", bound=Message)


def model_spec(model: str, *, version: int | None = None, label: str | None = None) -> ModelSpec:
    """Which model, and which of its versions: one number, one label, or the newest where neither is given.

    Raises:
        ValueError: both were given.
    """
    if version is not None and label is not None:
        raise ValueError(f"version {version} and label {label!r} were both given: pin one of them")
    if version is not None:
        return ModelSpec(name=model, version=Int64Value(value=version))
    return ModelSpec(name=model, version_label=label)


def predict_request(spec: ModelSpec, images: Sequence[bytes]) -> PredictRequest:
    """The request for the verdicts on some encoded images."""
    request = PredictRequest(model_spec=spec)
    request.model_spec.signature_name = contract.SERVING_DEFAULT
    fill_strings(request.inputs[contract.IMAGE_BYTES], images)  # in place: made apart, the images would be copied again
    return request


def general_request(spec: ModelSpec, signature: str, inputs: Mapping[str, npt.ArrayLike]) -> PredictRequest:
    """The request for what any signature makes of some arrays.

    Raises:
        TypeError: an array of a type that tensors do not have.
    """
    request = PredictRequest(model_spec=spec, inputs={name: from_array(values) for name, values in inputs.items()})
    request.model_spec.signature_name = signature
    return request


def outputs(answer: bytes, call: Call) -> dict[str, Array]:
    """The arrays of an answer by name.

    Raises:
        UnexpectedAnswer: it is none, or holds what numpy does not.
    """
    response = _parsed(PredictResponse, answer, call)
    try:
        return {name: to_array(tensor) for name, tensor in response.outputs.items()}
    except ValueError as error:
        raise UnexpectedAnswer(f"{call} answered what cannot be read: {error}", status=_BAD_ANSWER) from error


def verdicts(answer: bytes, count: int, call: Call) -> list[Verdict]:
    """One verdict for each of the `count` images of the request, in their order.

    Raises:
        UnexpectedAnswer: an output of the contract is missing, or is not one value an image.
    """
    response = _parsed(PredictResponse, answer, call)
    found = response.outputs
    if contract.PROB_FAKE not in found or contract.LABEL not in found or contract.ERROR not in found:
        raise _not_the_contract(response, call)
    try:
        probs = to_floats(found[contract.PROB_FAKE], count)
        labels = to_texts(found[contract.LABEL], count)
        errors = to_texts(found[contract.ERROR], count)
    except ValueError as error:
        raise _not_the_contract(response, call) from error
    version = response.model_spec.version.value
    return [
        Verdict(prob_fake, label, version, error or None)
        for prob_fake, label, error in zip(probs, labels, errors, strict=True)
    ]


def metadata_request(spec: ModelSpec) -> GetModelMetadataRequest:
    """The request for the signatures of a version."""
    return GetModelMetadataRequest(model_spec=spec, metadata_field=["signature_def"])


def metadata(answer: bytes, call: Call) -> Metadata:
    """The signatures of a version.

    Raises:
        UnexpectedAnswer: there are none in it.
    """
    try:
        return read_metadata(_parsed(GetModelMetadataResponse, answer, call))
    except DecodeError as error:
        raise UnexpectedAnswer(f"{call} describes no signatures: {error}", status=_BAD_ANSWER) from error


def held_to_contract(found: Metadata, call: Call) -> None:
    """Returns where a model is what the contract says a detector is.

    Raises:
        UnexpectedAnswer: it is not; the message says what does not fit.
    """
    if reason := misfit(found):
        message = f"{call}, version {found.version}, is no detector as this client knows them: {reason}."
        raise UnexpectedAnswer(message, status="NOT_THE_CONTRACT")


def status_request(model: str) -> GetModelStatusRequest:
    """The request for the states of all versions of a model."""
    return GetModelStatusRequest(model_spec=model_spec(model))


def statuses(answer: bytes, call: Call) -> list[VersionStatus]:
    """The model's versions, oldest first.

    Raises:
        UnexpectedAnswer: it is none.
    """
    response = _parsed(GetModelStatusResponse, answer, call)
    found = (
        VersionStatus(each.version, _state_name(each.state), each.status.error_message or None)
        for each in response.model_version_status
    )
    return sorted(found, key=lambda status: status.version)


def failed(error: Exception) -> Verdict:
    """The verdict on an image that could not be sent."""
    return Verdict(float(np.nan), "", None, str(error))


def _state_name(state: int) -> str:
    known = state in ModelVersionStatus.State.values()
    return ModelVersionStatus.State.Name(state) if known else str(state)


def _parsed(kind: type[_Message], answer: bytes, call: Call) -> _Message:
    try:
        return kind.FromString(answer)
    except DecodeError as error:
        raise UnexpectedAnswer(f"{call} answered what is no {kind.__name__}: {error}", status=_BAD_ANSWER) from error


def _not_the_contract(response: PredictResponse, call: Call) -> UnexpectedAnswer:
    names = ", ".join(sorted(response.outputs)) or "nothing"
    return UnexpectedAnswer(
        f"{call} does not answer as a detector does: one {contract.PROB_FAKE}, {contract.LABEL} and {contract.ERROR} "
        f"an image was expected, {names} came.\nServe a model that ace-export wrote.",
        status=_BAD_ANSWER,
    )
