"""The connections to a server, with everything that gRPC's defaults get wrong said explicitly."""

import ipaddress
import json
import os
import threading
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, Final, Generic, TypeAlias, TypeVar

import grpc

from .options import Options
from .security import Credentials, host_of

PREDICT: Final = "/tensorflow.serving.PredictionService/Predict"
GET_MODEL_METADATA: Final = "/tensorflow.serving.PredictionService/GetModelMetadata"
GET_MODEL_STATUS: Final = "/tensorflow.serving.ModelService/GetModelStatus"

MAX_MESSAGE_BYTES: Final = 256 * 2**20
"""The largest message that is sent or received: gRPC's own default of 4 MiB is less than one photograph's pixels."""

_OPTIONS: Final = (
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.keepalive_time_ms", 300_000),  # gRPC servers close connections that are pinged more often
    ("grpc.keepalive_timeout_ms", 10_000),  # also how long a machine that has gone keeps its calls waiting
    ("grpc.initial_reconnect_backoff_ms", 100),  # a server that restarts is found again soon ...
    ("grpc.max_reconnect_backoff_ms", 500),  # ... within the time that a call's attempts span, not two minutes later
    ("grpc.min_reconnect_backoff_ms", 5_000),  # which is gRPC's name for how long a connection may take to be made
    ("grpc.dns_min_time_between_resolutions_ms", 500),  # replicas that moved likewise, instead of 30 s later
    ("grpc.use_local_subchannel_pool", 1),  # several channels are several connections
)

Channel: TypeAlias = Any  # grpc.Channel or grpc.aio.Channel, whose unary_unary take the same
Dial: TypeAlias = Callable[[str, grpc.ChannelCredentials | None, Sequence[tuple[str, Any]]], Channel]

_Method = TypeVar("_Method")


class Line(Generic[_Method]):
    """One channel and the methods called over it: bytes out, bytes in."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.methods: dict[str, _Method] = {path: channel.unary_unary(path) for path in (PREDICT, GET_MODEL_METADATA)}


class Lines(Generic[_Method]):
    """The channels to one address, opened when first needed, and anew after a fork or once certificates changed.

    Nothing runs in between: whoever calls looks whether that is due. Threads may share it.
    """

    def __init__(self, address: str, credentials: Credentials, options: Options, dial: Dial) -> None:
        self._address = address
        self._credentials = credentials
        self._options = options
        self._dial = dial
        self._numbers = count()
        self._lock = threading.Lock()
        self._opened: tuple[object, list[Line[_Method]]] = None, []  # for what, and the lines
        self._status: tuple[Channel, _Method] | None = None
        self._before: list[Channel] = []
        self._closed = False

    def pick(self, scope: object = None) -> tuple[Line[_Method], Line[_Method]]:
        """The channel whose turn it is, and the one after it. `scope` is what channels cannot leave: an event loop.

        Raises:
            ValueError: they were closed.
        """
        lines, number = self._current(scope), next(self._numbers)
        return lines[number % len(lines)], lines[(number + 1) % len(lines)]

    def status_method(self, scope: object = None) -> _Method:
        """GetModelStatus, also of servers that say that they are not healthy: it is how one learns why."""
        self._current(scope)
        with self._lock:
            self._check_open()
            if self._status is None:
                channel = self._open(health_service=None)
                self._status = channel, channel.unary_unary(GET_MODEL_STATUS)
            return self._status[1]

    def close(self) -> list[Channel]:
        """No more calls; the channels that are to be closed."""
        with self._lock:
            self._closed = True
            return self._retire() + self._before

    def _current(self, scope: object) -> list[Line[_Method]]:
        opened_for, lines = self._opened  # in one look: others may replace them meanwhile
        if self._wanted_for(scope) == opened_for:
            return lines
        with self._lock:
            self._check_open()
            wanted_for = self._wanted_for(scope)  # another one by now, where who waited here came late
            opened_for, lines = self._opened
            if wanted_for != opened_for:
                lines = [Line(self._open(self._options.health_service)) for _ in range(self._count())]
                self._before = self._retire()  # kept until the next time, as calls may be under way on them
                self._opened = wanted_for, lines
            return lines

    def _wanted_for(self, scope: object) -> object:
        return os.getpid(), scope, self._credentials.stamp

    def _check_open(self) -> None:
        if self._closed:
            raise ValueError("the detector is closed, and cannot be asked any more")

    def _retire(self) -> list[Channel]:
        _, lines = self._opened
        old = [line.channel for line in lines] + ([self._status[0]] if self._status else [])
        self._opened, self._status = (None, []), None
        return old

    def _count(self) -> int:
        return max(self._options.channels, 2 if self._options.hedging else 1)

    def _open(self, health_service: str | None) -> Channel:
        config = service_config(self._address, health_service)
        options = [*_OPTIONS, ("grpc.service_config", json.dumps(config))]
        return self._dial(self._address, self._credentials.for_channel(), options)


def check_address(address: str) -> None:
    """Returns where the address is a target for gRPC.

    Raises:
        ValueError: it has no port.
    """
    if ":" not in address or (address.startswith("dns:///") and ":" not in address[7:]):
        raise ValueError(f"{address!r} names no port: write host:port, as in 127.0.0.1:8500")


def service_config(address: str, health_service: str | None) -> dict[str, object]:
    """Calls go to all addresses of a name in turn, and where those may be replicas, to the healthy ones."""
    config: dict[str, object] = {"loadBalancingConfig": [{"round_robin": {}}]}
    if health_service is not None and not _is_one_server(address):
        config["healthCheckConfig"] = {"serviceName": health_service}
    return config


def _is_one_server(address: str) -> bool:
    """Whether the address can be of one server only: gRPC logs each one that knows nothing of health."""
    if address.startswith("unix"):
        return True
    try:
        ipaddress.ip_address(host_of(address))
    except ValueError:
        return host_of(address) == "localhost"
    return True
