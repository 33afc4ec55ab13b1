"""The detector behind an address, for threads: images in, verdicts out."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from contextvars import copy_context
from itertools import chain, islice
from queue import Empty, SimpleQueue
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

_Method: TypeAlias = "grpc.UnaryUnaryMultiCallable[bytes, bytes]"
_Asked: TypeAlias = Callable[[], tuple[ModelSpec, Timer]]

_LOOK_S = 0.1  # how long Ctrl-C may wait


class Detector(Client["_Method"]):
    """A connection to a detector that TensorFlow Serving or ace_server serves. Threads may share it.

        with Detector("127.0.0.1:8500") as detector:
            for verdict in detector.detect(["a.jpg", jpeg_bytes, array]):
                print(verdict.prob_fake, verdict.label, verdict.version, verdict.error)

        Detector("dns:///detector.prod:8500", security=Security(ca="ca.pem"))   # all replicas of a name, over TLS
        Detector("10.0.0.7:8500", security=INSECURE)                            # plain, where the network is trusted
        Detector("127.0.0.1:8500", deadline_s=0.5, options=Options(hedging=True))

    `deadline_s` bounds each call as a whole: all its requests, their attempts and the pauses in between. A request that
    finds no server or a busy one is tried again within that time, and a server that has gone is found again once it is
    back. The connection opens with the first call; after a fork the child opens its own.

    Raises:
        ValueError: the address has no port, or is not this machine's and no security was given.
        SetupError: a file that was named cannot be read, or is wrong.
    """

    def __enter__(self) -> "Detector":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Gives the connection back. Calls in flight are cancelled, later ones are a ValueError."""
        if self._shadow:
            self._shadow.close()
        for channel in self._lines.close():
            channel.close()

    def detect(
        self,
        images: Image | Iterable[Image],
        *,
        version: int | None = None,
        label: str | None = None,
        key: str | None = None,
        deadline_s: float | None = None,
    ) -> list[Verdict]:
        """One verdict an image, in their order; for a single image a list of one.

        An image is a path, the bytes of an encoded one, a file object with those, or pixels as uint8[height, width, 3],
        RGB; uint8[n, height, width, 3] are n of them. `version` or `label` pins what answers. Otherwise it is, with a
        routing file, the label that `key` falls to, and without one the newest version. An image that cannot be read,
        here or by the server, has a verdict that says so, and its neighbours have theirs.

        Raises:
            CallError: the call as a whole failed; see `ace_client.errors` for the kinds.
            TypeError, ValueError: what was handed over is no image, or both version and label were.
        """
        asked = self._spec(self._call.model, version, label, key), self._timer(deadline_s)
        batches = filter(None, self._batches(several(images)))
        first = list(islice(batches, 2))
        if len(first) < 2:  # which costs no thread
            return [verdict for batch in first for verdict in self._verdicts(batch, *asked)]
        return list(chain.from_iterable(self._in_order(chain(first, batches), lambda: asked)))

    def stream(
        self,
        images: Iterable[Image],
        *,
        version: int | None = None,
        label: str | None = None,
        key: str | None = None,
        deadline_s: float | None = None,
    ) -> Iterator[Verdict]:
        """The verdicts on images without end, in their order; no more images are taken than can be sent.

            for verdict in detector.stream(frames()):
                ...

        Images gather to requests of `max_batch`; each has the deadline to itself. Arguments and errors are those of
        `detect`; an error ends the stream, after the verdicts on all images before.
        """

        def ask() -> tuple[ModelSpec, Timer]:
            return self._spec(self._call.model, version, label, key), self._timer(deadline_s)

        return chain.from_iterable(self._in_order(_caught(self._batches(images)), ask))

    def predict(
        self,
        model: str,
        signature: str,
        inputs: Mapping[str, npt.ArrayLike],
        *,
        version: int | None = None,
        label: str | None = None,
        deadline_s: float | None = None,
    ) -> dict[str, Array]:
        """What a signature of any model on the server makes of some arrays; `ace_client.tensors` has the types.

            detector.predict("half_plus_two", "serving_default", {"x": np.float32([1, 2])})["y"]

        Raises:
            CallError: as `detect`.
            TypeError: an array of a type that tensors do not have.
        """
        spec = self._spec(model, version, label, None)
        with self._exchange(PREDICT, self._timer(deadline_s, model)) as exchange:
            request = exchange.encoded(lambda: codec.general_request(spec, signature, inputs).SerializeToString())
            return exchange.decoded(self._ask(PREDICT, request, exchange), codec.outputs)

    def model_status(self, *, deadline_s: float | None = None) -> list[VersionStatus]:
        """The model's versions on the server and their states, oldest first.

        Raises:
            ModelNotFound: the server knows no version of it.
            CallError: any other failure.
        """
        return self._model_status(self._timer(deadline_s))

    def metadata(
        self, *, version: int | None = None, label: str | None = None, deadline_s: float | None = None
    ) -> Metadata:
        """The signatures of the model: the version or label given, or the newest version.

        Raises:
            CallError: as `detect`.
        """
        spec = codec.model_spec(self._call.model, version=version, label=label)
        with self._exchange(GET_MODEL_METADATA, self._timer(deadline_s)) as exchange:
            request = exchange.encoded(codec.metadata_request(spec).SerializeToString)
            return exchange.decoded(self._ask(GET_MODEL_METADATA, request, exchange), codec.metadata)

    def check_contract(
        self, *, version: int | None = None, label: str | None = None, deadline_s: float | None = None
    ) -> None:
        """Returns where the model that is served takes and answers what this client sends and reads.

        Raises:
            UnexpectedAnswer: it does not; one sentence says what does not fit.
            CallError: as `detect`.
        """
        codec.held_to_contract(self.metadata(version=version, label=label, deadline_s=deadline_s), self._call)

    def wait_ready(self, timeout_s: float, *, version: int | None = None) -> None:
        """Returns once the model, or that version of it, answers requests; waits for the server too.

        Raises:
            CallError: it did not within `timeout_s`; the message and the cause say what was in the way.
        """
        end_s, terms = time.monotonic() + positive(timeout_s), self._waiting()
        while True:
            cause: CallError | None = None
            try:
                in_the_way = obstacle(self._model_status(self._status_timer(end_s), terms), version)
            except CallError as error:
                in_the_way, cause = str(error), error
            if in_the_way is None:
                return
            if time.monotonic() + POLL_S > end_s:
                raise self._not_ready(timeout_s, in_the_way) from cause
            time.sleep(POLL_S)

    def _dial(
        self, target: str, credentials: grpc.ChannelCredentials | None, options: Sequence[tuple[str, Any]]
    ) -> grpc.Channel:
        if credentials is None:
            return grpc.insecure_channel(target, options=options)
        return grpc.secure_channel(target, credentials, options=options)

    def _batches(self, images: Iterable[Image]) -> Iterator[Batch | None]:
        """The batches as they fill, and None after each image: time to look what has been answered.

        What has gathered when the images raise comes before it.
        """
        splitter = Splitter(self._limits)
        try:
            for image in images:
                yield from splitter.add(*entry(image))
                yield None
        except Exception:
            yield from splitter.rest()
            raise
        yield from splitter.rest()

    def _in_order(self, batches: Iterator[Batch | Exception | None], asked: _Asked) -> Iterator[list[Verdict]]:
        """The verdicts batch by batch, as soon as they are there; an exception that comes last is raised after them."""
        error: Exception | None = None
        pool = ThreadPoolExecutor(self._options.in_flight, thread_name_prefix="ace_client")
        under_way: deque[Future[list[Verdict]]] = deque()
        try:
            for batch in batches:
                if isinstance(batch, Exception):
                    error = batch
                elif batch:
                    spec, timer = asked()
                    under_way.append(pool.submit(copy_context().run, self._verdicts, batch, spec, timer))
                while under_way and (len(under_way) >= self._options.in_flight or under_way[0].done()):
                    yield _result(under_way.popleft())
            while under_way:
                yield _result(under_way.popleft())
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        if error is not None:
            raise error

    def _verdicts(self, batch: Batch, spec: ModelSpec, timer: Timer) -> list[Verdict]:
        if self._shadow is None:
            return batch.merged(self._answers(batch.images, batch.encode_s, spec, timer))
        with self._shadow.request(spec.version_label, batch.images) as request:
            request.verdicts = self._answers(batch.images, batch.encode_s, spec, timer)
        return batch.merged(request.verdicts)

    def _answers(self, images: list[bytes], encode_s: float, spec: ModelSpec, timer: Timer) -> list[Verdict]:
        if not images:
            return []
        try:
            with self._exchange(PREDICT, timer, len(images)) as exchange:
                exchange.encode_s = encode_s
                request = exchange.encoded(codec.predict_request(spec, images).SerializeToString)
                exchange.verdicts = exchange.decoded(self._ask(PREDICT, request, exchange), reader(len(images)))
                return exchange.verdicts
        except RequestRejected as error:
            if unfit := too_large(str(error), images):
                return [codec.failed(unfit)]
            if not self._limits.learn(str(error), images):
                raise
        return [each for part in parts(images, self._limits) for each in self._answers(part, 0.0, spec, timer)]

    def _model_status(self, timer: Timer, terms: Terms | None = None) -> list[VersionStatus]:
        with self._exchange(GET_MODEL_STATUS, timer, terms=terms) as exchange:
            request = exchange.encoded(codec.status_request(self._call.model).SerializeToString)
            return exchange.decoded(self._ask(GET_MODEL_STATUS, request, exchange), codec.statuses)

    def _ask(self, path: str, request: bytes, exchange: Exchange) -> bytes:
        """The answer, of however many attempts.

        Raises:
            CallError: there is none.
        """
        while True:
            methods = self._methods(path)
            remaining_s = exchange.begin()
            try:
                if self._hedging is None or self._hedging.delay_s() is None:
                    answer = methods[0](request, timeout=remaining_s, metadata=exchange.metadata)
                else:
                    answer = self._hedged(methods, request, exchange, self._hedging)
            except grpc.RpcError as error:
                exchange.attempt_ended(error.code().name)
                pause_s = exchange.pause_s(error)
            else:
                wait_s = exchange.attempt_ended("OK")
                if self._hedging:
                    self._hedging.answered(wait_s)
                return answer
            time.sleep(pause_s)

    def _hedged(self, methods: tuple[_Method, _Method], request: bytes, exchange: Exchange, hedging: Hedging) -> bytes:
        """The answer of the faster of two attempts; the second begins after the delay, the loser is cancelled."""
        ended: SimpleQueue[Any] = SimpleQueue()
        calls: list[Any] = []

        def send(method: _Method, remaining_s: float) -> None:
            calls.append(method.future(request, timeout=remaining_s, metadata=exchange.metadata))
            calls[-1].add_done_callback(ended.put)

        try:
            send(methods[0], exchange.remaining_s())
            with suppress(Empty):
                return ended.get(timeout=hedging.delay_s()).result()  # type: ignore[no-any-return]
            if hedging.take():
                send(methods[1], exchange.begin_beside())
            winner = ended.get()
            if len(calls) > 1 and winner.code() is not grpc.StatusCode.OK:
                winner = ended.get()
            return winner.result()  # type: ignore[no-any-return]
        finally:
            for call in calls:
                call.cancel()


def _caught(batches: Iterator[Batch | None]) -> Iterator[Batch | Exception | None]:
    """The batches, and last what they raise."""
    try:
        yield from batches
    except Exception as error:  # whatever the caller's images raise: it is raised again in its place
        yield error


def _result(future: "Future[list[Verdict]]") -> list[Verdict]:
    """The result. A wait without end would not see a signal, such as Ctrl-C's, that was given to another thread."""
    while not wait((future,), _LOOK_S).done:
        pass
    return future.result()
