"""Calls on a server, one image each: as many at a time as it can answer, or at a steady rate."""

import asyncio
import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from ace_client import contract
from ace_export.errors import TuneError

from .candidates import Setting

_SEED = 7
_TIMEOUT_S = 600.0  # of a call: a server that answers nothing ends the measurement
_CHANNEL_OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


@dataclass(frozen=True)
class Answer:
    """When an answer came, in seconds of `time.perf_counter`, and how long its caller waited."""

    at_s: float
    latency_ms: float


@dataclass(frozen=True)
class Saturation:
    """The answers at full load, two or more, and the server's processor time in seconds at the first and the last."""

    answers: tuple[Answer, ...]
    cpu_before_s: float | None
    cpu_after_s: float | None

    @property
    def images_per_s(self) -> float:
        """The slope of the answers over time, for those of a batch come at once.

        Counted instead, they would depend on how the first and the last batch fall into the time that was measured.
        """
        times_s = np.array([answer.at_s for answer in self.answers])
        return float(np.polyfit(times_s - times_s[0], np.arange(len(times_s)), 1)[0])

    @property
    def cpu_ms_an_image(self) -> float | None:
        """The server's processor time for one image; None where the system does not say."""
        if self.cpu_before_s is None or self.cpu_after_s is None:
            return None
        passed_s = self.answers[-1].at_s - self.answers[0].at_s
        return 1000 * (self.cpu_after_s - self.cpu_before_s) / (self.images_per_s * passed_s)


@dataclass(frozen=True)
class Load:
    """What is sent to every candidate alike."""

    images: tuple[bytes, ...]
    callers: int  # calls in flight at full load
    seconds: float  # at full load, and again at the steady rate


class Caller:
    """Calls of one server. Used from one event loop, as an async context."""

    def __init__(self, address: str, load: Load) -> None:
        self._load = load
        self._requests = [_request([image]) for image in load.images]
        self._channel = grpc.aio.insecure_channel(address, options=_CHANNEL_OPTIONS)
        self._predict = prediction_service_pb2_grpc.PredictionServiceStub(self._channel).Predict

    async def __aenter__(self) -> "Caller":
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._channel.close()

    async def check(self) -> None:
        """Send each image once.

        Raises:
            TuneError: one is not answered, or is not an image to this version.
        """
        for position in range(len(self._requests)):
            response = await self._call(position)
            reason = response.outputs[contract.ERROR].string_val if contract.ERROR in response.outputs else []
            if any(reason):
                raise TuneError(
                    f"The version does not answer image {position + 1} of its own warm-up records: "
                    f"{reason[0].decode()}. Export the detector again."
                )

    async def warm(self, setting: Setting) -> None:
        """Have every batch thread run a batch of every size that is allowed, so that no first run is measured later.

        Raises:
            TuneError: the server does not answer.
        """
        for size in setting.batch_sizes:
            request = _request(list(itertools.islice(itertools.cycle(self._load.images), size)))
            await asyncio.gather(*(self._answer(request) for _ in range(setting.batch_threads)))

    async def saturate(self, cpu_s: Callable[[], float | None]) -> "Saturation":
        """The answers to callers that call again as soon as they are answered, from the first answer on.

        At least as many as there are callers, however long that takes. What is in flight then is given up, and has left
        the server on return. `cpu_s` says what processor time the server has taken so far.
        """
        answers: list[Answer] = []
        spent_s: list[float | None] = []
        enough: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def call_again_and_again(position: int) -> None:
            while not enough.done():
                began_s = time.perf_counter()
                try:
                    await self._call(position)
                except TuneError as error:
                    if not enough.done():
                        enough.set_exception(error)
                    return
                if enough.done():
                    return
                answers.append(_answer(began_s))
                position += self._load.callers
                is_last = self._is_enough(answers)
                if len(answers) == 1 or is_last:
                    spent_s.append(cpu_s())
                if is_last:
                    enough.set_result(None)

        callers = [asyncio.create_task(call_again_and_again(number)) for number in range(self._load.callers)]
        try:
            await enough
        finally:
            for caller in callers:
                caller.cancel()
            await asyncio.gather(*callers, return_exceptions=True)
        await self._call(0)  # behind what still runs
        return Saturation(tuple(answers), *spent_s[:1], *spent_s[-1:])

    def _is_enough(self, answers: Sequence[Answer]) -> bool:
        passed_s = answers[-1].at_s - answers[0].at_s
        return passed_s >= self._load.seconds and len(answers) > max(1, self._load.callers)

    async def offer(self, rate_per_s: float) -> list[Answer]:
        """The answers to calls that come at random, on average `rate_per_s`, at the same moments for every server.

        The wait for an answer begins at the moment at which the call was to be made.
        """
        rng = np.random.default_rng(_SEED)
        count = max(1, round(rate_per_s * self._load.seconds))
        moments_s = np.cumsum(rng.exponential(1 / rate_per_s, count))
        start_s = time.perf_counter()

        async def call_at(position: int, moment_s: float) -> Answer:
            await asyncio.sleep(max(0.0, moment_s - time.perf_counter()))
            await self._call(position)
            return _answer(moment_s)

        calls = [call_at(position, start_s + moment_s) for position, moment_s in enumerate(moments_s)]
        return list(await asyncio.gather(*calls))

    async def _call(self, position: int) -> predict_pb2.PredictResponse:
        return await self._answer(self._requests[position % len(self._requests)])

    async def _answer(self, request: predict_pb2.PredictRequest) -> predict_pb2.PredictResponse:
        try:
            return await self._predict(request, timeout=_TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            raise TuneError(f"The server does not answer under load: {error.code().name}: {error.details()}") from error


def _answer(began_s: float) -> Answer:
    now_s = time.perf_counter()
    return Answer(now_s, (now_s - began_s) * 1000)


def _request(images: Sequence[bytes]) -> predict_pb2.PredictRequest:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = contract.MODEL_NAME
    request.model_spec.signature_name = contract.SERVING_DEFAULT
    request.inputs[contract.IMAGE_BYTES].CopyFrom(tf.make_tensor_proto(images))
    return request
