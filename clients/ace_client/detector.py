"""The detector behind an address: images in, verdicts out."""

import time
from collections.abc import Iterable, Iterator
from typing import Any, Final, TypeVar

import grpc
from google.protobuf.message import Message

from . import codec, contract
from .answers import Verdict, VersionStatus, obstacle
from .channel import connect
from .errors import Call, CallError, ImageError, deadline_exceeded, from_rpc
from .images import Image, encode, several
from .protos.serving_pb2 import (
    GetModelStatusRequest,
    GetModelStatusResponse,
    ModelSpec,
    PredictRequest,
    PredictResponse,
)

PREDICT: Final = "/tensorflow.serving.PredictionService/Predict"
GET_MODEL_STATUS: Final = "/tensorflow.serving.ModelService/GetModelStatus"

_POLL_S = 0.1

_Response = TypeVar("_Response")


class Detector:
    """A connection to a detector that TensorFlow Serving or ace_server serves. Threads may share it.

        with Detector("127.0.0.1:8500") as detector:
            for verdict in detector.detect(["a.jpg", jpeg_bytes, array]):
                print(verdict.prob_fake, verdict.label, verdict.version, verdict.error)

    `deadline_s` bounds each call as a whole, whatever it takes to answer it. At most `max_batch` images go into one
    request to the server; `detect` splits what is more.
    """

    def __init__(
        self, address: str, *, model: str = contract.MODEL_NAME, deadline_s: float = 5.0, max_batch: int = 32
    ) -> None:
        if max_batch < 1:
            raise ValueError(f"max_batch is {max_batch}: a request holds at least one image")
        self._call = Call(model, address, _positive(deadline_s))
        self._max_batch = max_batch
        self._channel = connect(address)
        self._predict = self._channel.unary_unary(
            PREDICT,
            request_serializer=PredictRequest.SerializeToString,
            response_deserializer=PredictResponse.FromString,
        )
        self._get_model_status = self._channel.unary_unary(
            GET_MODEL_STATUS,
            request_serializer=GetModelStatusRequest.SerializeToString,
            response_deserializer=GetModelStatusResponse.FromString,
        )

    def __enter__(self) -> "Detector":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Gives the connection back. Calls in flight are cancelled, later ones are a ValueError."""
        self._channel.close()

    def detect(
        self,
        images: Image | Iterable[Image],
        *,
        version: int | None = None,
        label: str | None = None,
        deadline_s: float | None = None,
    ) -> list[Verdict]:
        """One verdict an image, in their order; for a single image a list of one.

        An image is a path, the bytes of an encoded one, or pixels as uint8[height, width, 3], RGB; uint8[n, height,
        width, 3] are n of them. `version` or `label` pins what answers; otherwise it is the newest version. An image
        that cannot be read, here or by the server, has a verdict that says so, and its neighbours have theirs.

        Raises:
            CallError: the call as a whole failed; see `ace_client.errors` for the kinds.
            TypeError, ValueError: what was handed over is no image, or both version and label were.
        """
        spec = codec.model_spec(self._call.model, version=version, label=label)
        timer = _Timer(self._call, deadline_s)
        verdicts: dict[int, Verdict] = {}
        for batch in codec.batches(_readable(images, verdicts), max_images=self._max_batch):
            positions, encoded = zip(*batch, strict=True)
            verdicts.update(zip(positions, self._answers(spec, encoded, timer), strict=True))
        return [verdicts[position] for position in sorted(verdicts)]

    def model_status(self, *, deadline_s: float | None = None) -> list[VersionStatus]:
        """The model's versions on the server and their states, oldest first.

        Raises:
            ModelNotFound: the server knows no version of it.
            CallError: any other failure.
        """
        timer = _Timer(self._call, deadline_s)
        return codec.statuses(_invoke(self._get_model_status, codec.status_request(self._call.model), timer))

    def wait_ready(self, timeout_s: float, *, version: int | None = None) -> None:
        """Returns once the model, or that version of it, answers requests; waits for the server too.

        Raises:
            CallError: it did not within `timeout_s`; the message and the cause say what was in the way.
        """
        end_s = time.monotonic() + _positive(timeout_s)
        while True:
            cause: CallError | None = None
            try:
                remaining_s = max(end_s - time.monotonic(), _POLL_S)
                in_the_way = obstacle(self.model_status(deadline_s=min(remaining_s, self._call.deadline_s)), version)
            except CallError as error:
                in_the_way, cause = str(error), error
            if in_the_way is None:
                return
            if time.monotonic() + _POLL_S > end_s:
                message = f"{self._call} was not ready within {timeout_s:g} s: {in_the_way}"
                raise CallError(message, status="NOT_READY") from cause
            time.sleep(_POLL_S)

    def _answers(self, spec: ModelSpec, encoded: tuple[bytes, ...], timer: "_Timer") -> list[Verdict]:
        response = _invoke(self._predict, codec.predict_request(spec, encoded), timer)
        return codec.verdicts(response, len(encoded), timer.call)


class _Timer:
    """What is left of a call's deadline, however many requests the call makes."""

    def __init__(self, call: Call, deadline_s: float | None) -> None:
        own = call.deadline_s if deadline_s is None else _positive(deadline_s)
        self.call = Call(call.model, call.address, own)
        self._end_s = time.monotonic() + own

    def remaining_s(self) -> float:
        """Seconds until the deadline, more than 0.

        Raises:
            DeadlineExceeded: none are left.
        """
        remaining_s = self._end_s - time.monotonic()
        if remaining_s <= 0:
            raise deadline_exceeded(self.call)
        return remaining_s


def _invoke(method: "grpc.UnaryUnaryMultiCallable[Any, _Response]", request: Message, timer: _Timer) -> _Response:
    try:
        return method(request, timeout=timer.remaining_s())
    except grpc.RpcError as error:
        raise from_rpc(error, timer.call) from error


def _readable(images: Image | Iterable[Image], verdicts: dict[int, Verdict]) -> Iterator[tuple[int, bytes]]:
    """The images that can be sent, each with its position; the others get their verdict at once."""
    for position, image in enumerate(several(images)):
        try:
            yield position, encode(image)
        except ImageError as error:  # noqa: PERF203 one image fails alone, not the loop
            verdicts[position] = codec.failed(error)


def _positive(seconds: float) -> float:
    if not seconds > 0:
        raise ValueError(f"a deadline of {seconds} s is over before it begins: give more than 0")
    return seconds
