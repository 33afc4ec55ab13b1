"""Health as its watchers hear it, over a real channel."""

import asyncio

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from ace_server.health import Health

Status = health_pb2.HealthCheckResponse


class Watched(Health):
    """Health that says when a watcher has left."""

    def __init__(self):
        super().__init__()
        self.left = asyncio.Event()

    async def Watch(self, request, context):  # noqa: N802 - the name is gRPC's
        try:
            await super().Watch(request, context)
        finally:
            self.left.set()


def heard(scenario):
    """What `scenario(health, stub)` returns, beside a server that shows m as not ready."""

    async def served():
        health, server = Watched(), grpc.aio.server()
        health_pb2_grpc.add_HealthServicer_to_server(health, server)
        port = server.add_insecure_port("127.0.0.1:0")
        await health.show({"m": False})
        await server.start()
        try:
            async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
                return await asyncio.wait_for(scenario(health, health_pb2_grpc.HealthStub(channel)), 30)
        finally:
            await server.stop(None)

    return asyncio.run(served())


def test_a_watcher_hears_on_when_another_one_leaves():
    async def scenario(health, stub):
        left, stays = (stub.Watch(health_pb2.HealthCheckRequest(service="m")) for _ in range(2))
        statuses = [(await left.read()).status, (await stays.read()).status]
        left.cancel()
        await health.left.wait()
        await health.show({"m": True})
        statuses.append((await stays.read()).status)
        await health.enter_graceful_shutdown()
        return [*statuses, (await stays.read()).status]

    assert heard(scenario) == [Status.NOT_SERVING, Status.NOT_SERVING, Status.SERVING, Status.NOT_SERVING]


def test_a_service_that_is_not_known_is_told_so_and_watched_until_it_is():
    async def scenario(health, stub):
        watched = stub.Watch(health_pb2.HealthCheckRequest(service="new"))
        statuses = [(await watched.read()).status]
        with pytest.raises(grpc.aio.AioRpcError, match="NOT_FOUND"):
            await stub.Check(health_pb2.HealthCheckRequest(service="new"))
        await health.show({"new": True})
        return [*statuses, (await watched.read()).status]

    assert heard(scenario) == [Status.SERVICE_UNKNOWN, Status.SERVING]
