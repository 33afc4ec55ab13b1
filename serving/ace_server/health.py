"""gRPC health (grpc.health.v1): the server under the empty name, its services, and each model by its own name."""

from collections.abc import Mapping
from typing import Any, Final

from grpc_health.v1 import health_pb2
from grpc_health.v1.health import aio

SERVICES: Final = ("tensorflow.serving.PredictionService", "tensorflow.serving.ModelService", "grpc.health.v1.Health")


class Health(aio.HealthServicer):
    """SERVING only where a loaded and warmed version answers; nothing is, once `enter_graceful_shutdown` was called."""

    def __init__(self) -> None:
        super().__init__()
        self._models: frozenset[str] = frozenset()

    async def show(self, ready: Mapping[str, bool]) -> None:
        """Say which models answer. The server as a whole is healthy where all do; a model that has gone is unknown."""
        for service in ("", *SERVICES):
            await self.set(service, _status(bool(ready) and all(ready.values())))
        for model, is_ready in ready.items():
            await self.set(model, _status(is_ready))
        for model in self._models - ready.keys():
            await self.set(model, health_pb2.HealthCheckResponse.SERVICE_UNKNOWN)
        self._models = frozenset(ready)


def _status(is_ready: bool) -> Any:
    return health_pb2.HealthCheckResponse.SERVING if is_ready else health_pb2.HealthCheckResponse.NOT_SERVING
