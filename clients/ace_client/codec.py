"""Images → request, response → answers: what is the same for every transport, and pure."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from google.protobuf.wrappers_pb2 import Int64Value

from . import contract
from .answers import Verdict, VersionStatus
from .errors import Call, UnexpectedAnswer
from .protos.serving_pb2 import (
    GetModelStatusRequest,
    GetModelStatusResponse,
    ModelSpec,
    ModelVersionStatus,
    PredictRequest,
    PredictResponse,
)
from .tensors import from_strings, to_array

MAX_REQUEST_BYTES = 32 * 2**20
"""Where a request is split; one image larger than this goes alone."""


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


def batches(
    images: Iterable[tuple[int, bytes]], *, max_images: int, max_bytes: int = MAX_REQUEST_BYTES
) -> Iterator[list[tuple[int, bytes]]]:
    """The numbered images in order, in groups of at most `max_images` and, where it is not one alone, `max_bytes`."""
    batch: list[tuple[int, bytes]] = []
    batch_bytes = 0
    for position, image in images:
        if batch and (len(batch) == max_images or batch_bytes + len(image) > max_bytes):
            yield batch
            batch, batch_bytes = [], 0
        batch.append((position, image))
        batch_bytes += len(image)
    if batch:
        yield batch


def predict_request(spec: ModelSpec, images: Sequence[bytes]) -> PredictRequest:
    """The request for the verdicts on some encoded images."""
    request = PredictRequest(model_spec=spec, inputs={contract.IMAGE_BYTES: from_strings(images)})
    request.model_spec.signature_name = contract.SERVING_DEFAULT
    return request


def verdicts(response: PredictResponse, count: int, call: Call) -> list[Verdict]:
    """One verdict for each of the `count` images of the request, in their order.

    Raises:
        UnexpectedAnswer: an output of the contract is missing, or is not one value an image.
    """
    if not response.outputs.keys() >= {contract.PROB_FAKE, contract.LABEL, contract.ERROR}:
        raise _not_the_contract(response, call)
    try:
        columns = [
            to_array(response.outputs[contract.PROB_FAKE]).astype(np.float32).reshape(count),
            to_array(response.outputs[contract.LABEL]).astype(bytes).reshape(count),
            to_array(response.outputs[contract.ERROR]).astype(bytes).reshape(count),
        ]
    except ValueError as error:
        raise _not_the_contract(response, call) from error
    version = response.model_spec.version.value
    return [
        Verdict(float(prob_fake), label.decode(errors="replace"), version, error.decode(errors="replace") or None)
        for prob_fake, label, error in zip(*columns, strict=True)
    ]


def status_request(model: str) -> GetModelStatusRequest:
    """The request for the states of all versions of a model."""
    return GetModelStatusRequest(model_spec=model_spec(model))


def statuses(response: GetModelStatusResponse) -> list[VersionStatus]:
    """The model's versions, oldest first."""
    found = (
        VersionStatus(each.version, ModelVersionStatus.State.Name(each.state), each.status.error_message or None)
        for each in response.model_version_status
    )
    return sorted(found, key=lambda status: status.version)


def failed(error: Exception) -> Verdict:
    """The verdict on an image that could not be sent."""
    return Verdict(float(np.nan), "", None, str(error))


def _not_the_contract(response: PredictResponse, call: Call) -> UnexpectedAnswer:
    names = ", ".join(sorted(response.outputs)) or "nothing"
    return UnexpectedAnswer(
        f"{call} does not answer as a detector does: one {contract.PROB_FAKE}, {contract.LABEL} and {contract.ERROR} "
        f"an image was expected, {names} came.\nServe a model that ace-export wrote.",
        status="BAD_ANSWER",
    )
