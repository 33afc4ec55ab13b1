"""The detector behind an address, for asyncio: images in, verdicts out."""

import asyncio
import os
import time
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import grpc
import numpy.typing as npt

from . import codec
from .answers import Verdict, VersionStatus, obstacle
from .channel import GET_MODEL_METADATA, GET_MODEL_STATUS, PREDICT
from .client import POLL_S, Client, entry, reader
from .errors import CallError, RequestRejected
from .exchange import Exchange, Terms, Timer, positive
from .hedging import Hedging
from .images import Image, several
from .protos.serving_pb2 import ModelSpec
from .signatures import Metadata
from .splitting import Batch, Splitter, parts, too_large
from .tensors import Array

_Method: TypeAlias = "grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]"
_Asked: TypeAlias = Callable[[], tuple[ModelSpec, Timer]]

_LOOK_S = 0.001  # how long the event loop may wait for images that come at once


class AsyncDetector(Client["_Method"]):
    """`Detector` for asyncio: the same arguments, methods and errors. Tasks may share it.

        async with AsyncDetector("127.0.0.1:8500") as detector:
            for verdict in await detector.detect(["a.jpg", jpeg_bytes, array]):
                print(verdict.prob_fake, verdict.label, verdict.version, verdict.error)
            async for verdict in detector.stream(frames()):
                ...

    Files are read in threads. Its connection belongs to the event loop that calls; another loop opens its own.
    """

    async def __aenter__(self) -> "AsyncDetector":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Gives the connection back. Calls in flight are cancelled, later ones are a ValueError."""
        if self._shadow:
            self._shadow.close()
        for channel in self._lines.close():
            await channel.close()

    async def detect(
        self,
        images: Image | Iterable[Image],
        *,
        version: int | None = None,
        label: str | None = None,
        key: str | None = None,
        deadline_s: float | None = None,
    ) -> list[Verdict]:
        """As `Detector.detect`."""
        asked = self._spec(self._call.model, version, label, key), self._timer(deadline_s)
        in_order = self._in_order(self._batches(several(images)), lambda: asked)
        return [verdict async for verdicts in in_order for verdict in verdicts]

    async def stream(
        self,
        images: Iterable[Image] | AsyncIterable[Image],
        *,
        version: int | None = None,
        label: str | None = None,
        key: str | None = None,
        deadline_s: float | None = None,
    ) -> AsyncIterator[Verdict]:
        """As `Detector.stream`; images may come from an asynchronous iterator."""

        def ask() -> tuple[ModelSpec, Timer]:
            return self._spec(self._call.model, version, label, key), self._timer(deadline_s)

        async for verdicts in self._in_order(_caught(self._batches(images)), ask):
            for verdict in verdicts:
                yield verdict

    async def predict(
        self,
        model: str,
        signature: str,
        inputs: Mapping[str, npt.ArrayLike],
        *,
        version: int | None = None,
        label: str | None = None,
        deadline_s: float | None = None,
    ) -> dict[str, Array]:
        """As `Detector.predict`."""
        spec = self._spec(model, version, label, None)
        with self._exchange(PREDICT, self._timer(deadline_s, model)) as exchange:
            request = exchange.encoded(lambda: codec.general_request(spec, signature, inputs).SerializeToString())
            return exchange.decoded(await self._ask(PREDICT, request, exchange), codec.outputs)

    async def model_status(self, *, deadline_s: float | None = None) -> list[VersionStatus]:
        """As `Detector.model_status`."""
        return await self._model_status(self._timer(deadline_s))

    async def metadata(
        self, *, version: int | None = None, label: str | None = None, deadline_s: float | None = None
    ) -> Metadata:
        """As `Detector.metadata`."""
        spec = codec.model_spec(self._call.model, version=version, label=label)
        with self._exchange(GET_MODEL_METADATA, self._timer(deadline_s)) as exchange:
            request = exchange.encoded(codec.metadata_request(spec).SerializeToString)
            return exchange.decoded(await self._ask(GET_MODEL_METADATA, request, exchange), codec.metadata)

    async def check_contract(
        self, *, version: int | None = None, label: str | None = None, deadline_s: float | None = None
    ) -> None:
        """As `Detector.check_contract`."""
        codec.held_to_contract(await self.metadata(version=version, label=label, deadline_s=deadline_s), self._call)

    async def wait_ready(self, timeout_s: float, *, version: int | None = None) -> None:
        """As `Detector.wait_ready`."""
        end_s, terms = time.monotonic() + positive(timeout_s), self._waiting()
        while True:
            cause: CallError | None = None
            try:
                in_the_way = obstacle(await self._model_status(self._status_timer(end_s), terms), version)
            except CallError as error:
                in_the_way, cause = str(error), error
            if in_the_way is None:
                return
            if time.monotonic() + POLL_S > end_s:
                raise self._not_ready(timeout_s, in_the_way) from cause
            await asyncio.sleep(POLL_S)

    def _dial(
        self, target: str, credentials: grpc.ChannelCredentials | None, options: Sequence[tuple[str, Any]]
    ) -> grpc.aio.Channel:
        if credentials is None:
            return grpc.aio.insecure_channel(target, options=options)
        return grpc.aio.secure_channel(target, credentials, options=options)

    async def _batches(self, images: Iterable[Image] | AsyncIterable[Image]) -> AsyncIterator[Batch | None]:
        """As those of `Detector`."""
        splitter = Splitter(self._limits)
        try:
            async for image in _each(images):
                blocking = isinstance(image, str | os.PathLike) or hasattr(image, "read")
                for batch in splitter.add(*(await asyncio.to_thread(entry, image) if blocking else entry(image))):
                    yield batch
                yield None
        except Exception:
            for batch in splitter.rest():
                yield batch
            raise
        for batch in splitter.rest():
            yield batch

    async def _in_order(
        self, batches: AsyncIterator[Batch | Exception | None], asked: _Asked
    ) -> AsyncIterator[list[Verdict]]:
        """The verdicts batch by batch, as soon as they are there; an exception that comes last is raised after them."""
        error: Exception | None = None
        looked_s = time.monotonic()
        under_way: deque[asyncio.Task[list[Verdict]]] = deque()
        try:
            async for batch in batches:
                if isinstance(batch, Exception):
                    error = batch
                elif batch:
                    under_way.append(asyncio.create_task(self._verdicts(batch, *asked())))
                if batch or time.monotonic() > looked_s + _LOOK_S:
                    await asyncio.sleep(0)  # so that it is sent, and answers come, while images are slow to come
                    looked_s = 0.0 if batch else time.monotonic()  # it takes two turns of the loop to be sent
                while under_way and (len(under_way) >= self._options.in_flight or under_way[0].done()):
                    yield await under_way.popleft()
            while under_way:
                yield await under_way.popleft()
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)
        if error is not None:
            raise error

    async def _verdicts(self, batch: Batch, spec: ModelSpec, timer: Timer) -> list[Verdict]:
        if self._shadow is None:
            return batch.merged(await self._answers(batch.images, batch.encode_s, spec, timer))
        with self._shadow.request(spec.version_label, batch.images) as request:
            request.verdicts = await self._answers(batch.images, batch.encode_s, spec, timer)
        return batch.merged(request.verdicts)

    async def _answers(self, images: list[bytes], encode_s: float, spec: ModelSpec, timer: Timer) -> list[Verdict]:
        if not images:
            return []
        try:
            with self._exchange(PREDICT, timer, len(images)) as exchange:
                exchange.encode_s = encode_s
                request = exchange.encoded(codec.predict_request(spec, images).SerializeToString)
                exchange.verdicts = exchange.decoded(await self._ask(PREDICT, request, exchange), reader(len(images)))
                return exchange.verdicts
        except RequestRejected as error:
            if unfit := too_large(str(error), images):
                return [codec.failed(unfit)]
            if not self._limits.learn(str(error), images):
                raise
        return [each for part in parts(images, self._limits) for each in await self._answers(part, 0.0, spec, timer)]

    async def _model_status(self, timer: Timer, terms: Terms | None = None) -> list[VersionStatus]:
        with self._exchange(GET_MODEL_STATUS, timer, terms=terms) as exchange:
            request = exchange.encoded(codec.status_request(self._call.model).SerializeToString)
            return exchange.decoded(await self._ask(GET_MODEL_STATUS, request, exchange), codec.statuses)

    async def _ask(self, path: str, request: bytes, exchange: Exchange) -> bytes:
        """The answer, of however many attempts.

        Raises:
            CallError: there is none.
        """
        scope = asyncio.get_running_loop()
        while True:
            methods = self._methods(path, scope)
            remaining_s = exchange.begin()
            try:
                if self._hedging is None or self._hedging.delay_s() is None:
                    answer = await methods[0](request, timeout=remaining_s, metadata=exchange.metadata)
                else:
                    answer = await self._hedged(methods, request, exchange, self._hedging)
            except grpc.RpcError as error:
                exchange.attempt_ended(error.code().name)
                pause_s = exchange.pause_s(error)
            else:
                wait_s = exchange.attempt_ended("OK")
                if self._hedging:
                    self._hedging.answered(wait_s)
                return answer
            await asyncio.sleep(pause_s)

    async def _hedged(
        self, methods: tuple[_Method, _Method], request: bytes, exchange: Exchange, hedging: Hedging
    ) -> bytes:
        """The answer of the faster of two attempts; the second begins after the delay, the loser is cancelled."""

        async def send(method: _Method, remaining_s: float) -> bytes:
            return await method(request, timeout=remaining_s, metadata=exchange.metadata)

        tasks = [asyncio.ensure_future(send(methods[0], exchange.remaining_s()))]
        try:
            done, _ = await asyncio.wait(tasks, timeout=hedging.delay_s())
            if not done and hedging.take():
                tasks.append(asyncio.ensure_future(send(methods[1], exchange.begin_beside())))
            done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if pending and all(task.exception() for task in done):
                done, _ = await asyncio.wait(pending)
            return min(done, key=lambda task: task.exception() is not None).result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _caught(batches: AsyncIterator[Batch | None]) -> AsyncIterator[Batch | Exception | None]:
    """The batches, and last what they raise."""
    try:
        async for batch in batches:
            yield batch
    except Exception as error:  # whatever the caller's images raise: it is raised again in its place
        yield error


async def _each(images: Iterable[Image] | AsyncIterable[Image]) -> AsyncIterator[Image]:
    if isinstance(images, AsyncIterable):
        async for image in images:
            yield image
    else:
        for image in images:
            yield image
