"""gRPC health (grpc.health.v1): the server under the empty name, its services, and each model by its own name."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from .grpc_answers import Context

SERVICES: Final = ("tensorflow.serving.PredictionService", "tensorflow.serving.ModelService", "grpc.health.v1.Health")


class Health(health_pb2_grpc.HealthServicer):
    """SERVING only where a loaded and warmed version answers; nothing is, once `enter_graceful_shutdown` was called.

    Not gRPC's own servicer: there one watcher that leaves silences all others of its service, and one that does not
    read holds up whoever says that something has changed.
    """

    def __init__(self) -> None:
        self.ready: Mapping[str, bool] = {}  # as shown last
        self._statuses: dict[str, Any] = {}
        self._watchers: set[asyncio.Event] = set()
        self._draining = False

    async def Check(  # noqa: N802 - the name is gRPC's
        self, request: health_pb2.HealthCheckRequest, context: Context
    ) -> health_pb2.HealthCheckResponse:
        """The status of one service."""
        if request.service not in self._statuses:
            await context.abort(grpc.StatusCode.NOT_FOUND)
        return health_pb2.HealthCheckResponse(status=self._statuses[request.service])

    async def Watch(self, request: health_pb2.HealthCheckRequest, context: Context) -> None:  # noqa: N802
        """The status of one service now and whenever it has changed; what changes back at once may be left out."""
        changed, told = asyncio.Event(), None
        self._watchers.add(changed)
        try:
            while True:
                changed.clear()
                status = self._statuses.get(request.service, health_pb2.HealthCheckResponse.SERVICE_UNKNOWN)
                if status != told:
                    await context.write(health_pb2.HealthCheckResponse(status=status))
                    told = status
                await changed.wait()
        finally:
            self._watchers.discard(changed)

    async def show(self, ready: Mapping[str, bool]) -> None:
        """Say which models answer. The server as a whole is healthy where all do; a model that has gone is unknown."""
        if self._draining:
            return
        gone = dict.fromkeys(self.ready.keys() - ready.keys(), health_pb2.HealthCheckResponse.SERVICE_UNKNOWN)
        whole = _status(bool(ready) and all(ready.values()))
        models = {model: _status(is_ready) for model, is_ready in ready.items()}
        self.ready = dict(ready)
        self._set({**gone, **models, **dict.fromkeys(("", *SERVICES), whole)})

    async def enter_graceful_shutdown(self) -> None:
        """Say that nothing serves any more, from now on for good."""
        self._draining = True
        self._set(dict.fromkeys(self._statuses, _status(is_ready=False)))

    def _set(self, statuses: Mapping[str, Any]) -> None:
        self._statuses.update(statuses)
        for changed in self._watchers:
            changed.set()


def _status(is_ready: bool) -> Any:
    return health_pb2.HealthCheckResponse.SERVING if is_ready else health_pb2.HealthCheckResponse.NOT_SERVING
