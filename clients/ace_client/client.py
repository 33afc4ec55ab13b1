"""What `Detector` and `AsyncDetector` have in common: all but how they wait."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import grpc

from . import codec, contract
from .answers import Verdict
from .channel import GET_MODEL_STATUS, Channel, Lines, check_address
from .errors import Call, CallError, ImageError
from .exchange import Exchange, Terms, Timer, positive
from .hedging import Hedging
from .hooks import Start
from .images import Image, encode
from .options import Options
from .protos.serving_pb2 import ModelSpec
from .retries import RetryBudget
from .routing import Routing
from .security import Credentials, Security
from .shadow import Shadow
from .splitting import Limits

if TYPE_CHECKING:
    from .detector import Detector

POLL_S = 0.1
"""How often `wait_ready` asks."""

_Method = TypeVar("_Method")


class Client(ABC, Generic[_Method]):
    """A connection to a model by name at an address, with the policies of its calls; makes no call itself."""

    def __init__(
        self,
        address: str,
        *,
        model: str = contract.MODEL_NAME,
        deadline_s: float = 5.0,
        security: Security | None = None,
        options: Options | None = None,
    ) -> None:
        check_address(address)
        options = options or Options()
        self._call = Call(model, address, positive(deadline_s))
        self._options = options
        self._security = security
        self._credentials = Credentials(address, security)
        self._lines: Lines[_Method] = Lines(address, self._credentials, options, self._dial)
        self._terms = Terms(RetryBudget(), options.max_attempts, options.hooks)
        self._limits = Limits(options.max_batch)
        self._routing = Routing(options.routing_file) if options.routing_file else None
        self._shadow = Shadow(self._routing, self._for_copies) if self._routing else None
        self._hedging = Hedging() if options.hedging else None

    @abstractmethod
    def _dial(
        self, target: str, credentials: grpc.ChannelCredentials | None, options: Sequence[tuple[str, Any]]
    ) -> Channel:
        """A channel to the target, without TLS where there are no credentials."""

    def _spec(self, model: str, version: int | None, label: str | None, key: str | None) -> ModelSpec:
        """What is asked: the version or label pinned, else where there is a routing file its label for the key."""
        if self._routing and version is None and label is None and model == self._call.model:
            label = self._routing.label(key)
        return codec.model_spec(model, version=version, label=label)

    def _for_copies(self) -> "Detector":
        """A connection of its own for what is put to a candidate too: nobody who watches the callers' sees it."""
        from .detector import Detector  # here, as that is a client

        options = replace(self._options, routing_file=None, hedging=False, channels=1, hooks=())
        call = self._call
        return Detector(
            call.address, model=call.model, deadline_s=call.deadline_s, security=self._security, options=options
        )

    def _timer(self, deadline_s: float | None, model: str | None = None) -> Timer:
        call = self._call if model is None else Call(model, self._call.address, self._call.deadline_s)
        return Timer(call, deadline_s)

    def _exchange(self, path: str, timer: Timer, images: int = 0, terms: Terms | None = None) -> Exchange:
        call = timer.call
        _, service, method = path.split("/")
        start = Start(service, method, call.model, call.address, call.deadline_s, images)
        return Exchange(terms or self._terms, timer, start, self._credentials.metadata())

    def _methods(self, path: str, scope: object = None) -> tuple[_Method, _Method]:
        """The method to call, and the one for a second attempt beside it."""
        if path == GET_MODEL_STATUS:
            method = self._lines.status_method(scope)
            return method, method
        line, other = self._lines.pick(scope)
        return line.methods[path], other.methods[path]

    def _waiting(self) -> Terms:
        """For the calls of one wait: a server that comes late takes no retries from the calls that follow."""
        return replace(self._terms, budget=RetryBudget())

    def _status_timer(self, end_s: float) -> Timer:
        """For one of the calls of a wait until `end_s`."""
        return self._timer(min(max(end_s - time.monotonic(), POLL_S), self._call.deadline_s))

    def _not_ready(self, timeout_s: float, in_the_way: str) -> CallError:
        return CallError(f"{self._call} was not ready within {timeout_s:g} s: {in_the_way}", status="NOT_READY")


def entry(image: Image) -> tuple[bytes | Verdict, float]:
    """The image as it is sent, or the verdict on one that cannot be; and the seconds that it took."""
    start_s = time.perf_counter()
    found: bytes | Verdict
    try:
        found = encode(image)
    except ImageError as error:
        found = codec.failed(error)
    return found, time.perf_counter() - start_s


def reader(count: int) -> Callable[[bytes, Call], list[Verdict]]:
    """What reads the answer to a request with so many images."""
    return lambda answer, call: codec.verdicts(answer, count, call)
