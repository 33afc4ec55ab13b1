"""Proxies that split calls between two groups of servers, for callers that read no routing file.

A proxy sees no further than a call's path: it cannot ask for a version by its label. The groups do that for it, each
serving its own version.
"""

import json
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from .errors import SettingsError
from .replaced_files import replace

_PARTS: Final = 10_000  # hundredths of a percent
_MOST: Final = 256  # HAProxy's heaviest weight
_ANSWER_S: Final = 5.0
_HEALTH: Final = "grpc.health.v1.Health"
_CALLED: Final = (  # by callers; a reload of the configuration, ModelService's other method, is not for outside
    {"service": "tensorflow.serving.PredictionService"},
    {"service": "tensorflow.serving.ModelService", "method": "GetModelStatus"},
)


@dataclass(frozen=True)
class Envoy:
    """Envoy's weighted clusters, as a file of routes that it watches: RDS, by `path_config_source`.

    file             what is written, in a folder that Envoy can read
    route            the name that its `rds` asks for
    stable, canary   its clusters
    """

    file: Path
    route: str = "detector"
    stable: str = "stable"
    canary: str = "canary"

    def write(self, canary_share: float) -> None:
        """Envoy sends the canary this share of the calls, in percent, within moments.

        Raises:
            SettingsError: the file cannot be written.
        """
        route = {
            "weighted_clusters": {"clusters": _weighted(self.stable, self.canary, canary_share)},
            "timeout": "0s",  # the call's own deadline holds, not Envoy's 15 s
            "max_stream_duration": {"grpc_timeout_header_max": "0s"},
        }
        routes = [{"match": match, "route": route} for match in (*map(_matched, _CALLED), {"prefix": f"/{_HEALTH}/"})]
        host = {"name": "servers", "domains": ["*"], "routes": routes}
        kind = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
        _write(self.file, {"resources": [{"@type": kind, "name": self.route, "virtual_hosts": [host]}]})


@dataclass(frozen=True)
class GatewayApi:
    """A GRPCRoute of Kubernetes' Gateway API, as a file for whatever applies it: `kubectl apply`, Flux, Argo CD.

    It takes the place of docker/kubernetes/overlays/canary/route.yaml, with all that this restricts.

    gateway          the Gateway that it is attached to, in the same namespace
    hostnames        those that callers use; none are all
    stable, canary   the Services of the two groups
    """

    file: Path
    gateway: str
    name: str = "detector"
    namespace: str = "default"
    hostnames: tuple[str, ...] = ()
    stable: str = "detector"
    canary: str = "detector-canary"
    port: int = 8500

    def write(self, canary_share: float) -> None:
        """The file says that the canary gets this share of the calls, in percent.

        Raises:
            SettingsError: it cannot be written.
        """
        services = [{**each, "port": self.port} for each in _weighted(self.stable, self.canary, canary_share)]
        route = {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "GRPCRoute",
            "metadata": {"name": self.name, "namespace": self.namespace},
            "spec": {
                "parentRefs": [{"name": self.gateway}],
                **({"hostnames": [*self.hostnames]} if self.hostnames else {}),
                "rules": [{"matches": [{"method": each} for each in _CALLED], "backendRefs": services}],
            },
        }
        _write(self.file, route)


@dataclass(frozen=True)
class HAProxy:
    """HAProxy, told over its stats socket (`level admin`).

    socket           the socket's path
    backend          whose servers are meant; their names begin with `stable` or `canary`
    """

    socket: Path
    backend: str = "detector"
    stable: str = "stable"
    canary: str = "canary"

    def write(self, canary_share: float) -> None:
        """HAProxy sends the canary's servers together this share of the calls, in percent.

        Raises:
            SettingsError: it does not answer, or does not have such servers.
        """
        names = [line.split()[3] for line in self._ask(f"show servers state {self.backend}").splitlines()[2:] if line]
        groups = [[name for name in names if name.startswith(prefix)] for prefix in (self.stable, self.canary)]
        if not all(groups):
            raise SettingsError(
                f"HAProxy's backend {self.backend} has the servers {', '.join(names) or 'none'}: name them so that "
                f"some begin with {self.stable} and some with {self.canary}."
            )
        weights = haproxy_weights(canary_share, [len(group) for group in groups])
        raised_first = sorted(zip(groups, weights, strict=True), key=lambda pair: -pair[1])  # never all on 0
        for group, weight in raised_first:
            for name in group:
                if answer := self._ask(f"set server {self.backend}/{name} weight {weight}").strip():
                    raise SettingsError(f"HAProxy at {self.socket} does not set the weight of {name}: {answer}")

    def _ask(self, command: str) -> str:
        answer = b""
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(_ANSWER_S)
                connection.connect(str(self.socket))
                connection.sendall(f"{command}\n".encode())
                while block := connection.recv(65536):
                    answer += block
        except OSError as error:
            raise SettingsError(
                f"HAProxy does not answer at {self.socket}: {error.strerror or error}. Its weights may not be what "
                "they should be. Give it a `stats socket` there, with `level admin`."
            ) from error
        return answer.decode(errors="replace")


Proxy: TypeAlias = Envoy | HAProxy | GatewayApi


def tell(proxies: Sequence[Proxy], canary_share: float) -> None:
    """All of them give the canary this share of the calls, in percent.

    Raises:
        SettingsError: one cannot be told; the others have been.
    """
    failures = []
    for proxy in proxies:
        try:
            proxy.write(canary_share)
        except SettingsError as error:  # noqa: PERF203 each is told on its own
            failures.append(str(error))
    if failures:
        raise SettingsError("\n".join(failures))


def haproxy_weights(canary_share: float, sizes: Sequence[int]) -> tuple[int, int]:
    """The weight of each stable and each canary server, for groups of these sizes; the larger one is 256.

    A group that is to have any calls has at least 1.
    """
    each = [share / size for share, size in zip((100 - canary_share, canary_share), sizes, strict=True)]
    stable, canary = (max(round(_MOST * share / max(each)), int(share > 0)) for share in each)
    return stable, canary


def _matched(called: Mapping[str, str]) -> dict[str, str]:
    """Envoy's way of saying which calls."""
    if method := called.get("method"):
        return {"path": f"/{called['service']}/{method}"}
    return {"prefix": f"/{called['service']}/"}


def _weighted(stable: str, canary: str, canary_share: float) -> list[dict[str, Any]]:
    part = round(_PARTS * canary_share / 100)
    return [{"name": stable, "weight": _PARTS - part}, {"name": canary, "weight": part}]


def _write(path: Path, content: Mapping[str, Any]) -> None:
    try:
        replace(path, json.dumps(content, indent=2) + "\n")
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}. It says what it said.") from error
