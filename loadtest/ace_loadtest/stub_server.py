"""A server whose response times are known: `python -m ace_loadtest.stub_server --delay-ms 20`.

It prints its port once it listens on 127.0.0.1, and serves until SIGTERM. Measured against it, a load test must find
what the flags say; without flags it answers at once, and the limit that shows is the generator's own.
"""

import argparse
import asyncio
import signal
from collections.abc import Sequence
from itertools import count

import grpc
from google.protobuf.wrappers_pb2 import Int64Value

from ace_client.channel import PREDICT
from ace_client.contract import ERROR, IMAGE_BYTES, LABEL, MODEL_NAME, PROB_FAKE, REAL
from ace_client.protos.serving_pb2 import ModelSpec, PredictRequest, PredictResponse
from ace_client.protos.tensor_pb2 import DT_FLOAT, DT_STRING, TensorProto, TensorShapeProto

from .service import Constant, Queue, Service, Stalling

_IMAGES = (b"\xff\xd8", b"\x89PNG", b"GIF8", b"BM", b"RIFF")
_VERSION = 1


class Stub:
    """Answers each request when the service says, and refuses every so many, or all after so many."""

    def __init__(self, service: Service, fail_every: int, fail_after: int) -> None:
        self._service = service
        self._fail_every = fail_every
        self._fail_after = fail_after
        self._numbers = count(1)
        self._loop = asyncio.get_running_loop()
        self._begin_s = self._loop.time()

    async def predict(self, request: PredictRequest, context: "grpc.aio.ServicerContext[bytes, bytes]") -> bytes:
        """One call."""
        arrival_s = self._loop.time() - self._begin_s
        number = next(self._numbers)
        wait_s = self._service.answered_s(arrival_s) - arrival_s
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        if request.model_spec.name != MODEL_NAME:
            reason = f"Servable not found for request: Latest({request.model_spec.name})"
            await context.abort(grpc.StatusCode.NOT_FOUND, reason)
        if (self._fail_every and number % self._fail_every == 0) or (self._fail_after and number > self._fail_after):
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "more than this server takes on")
        return answer(request.inputs[IMAGE_BYTES].string_val, request.model_spec.version.value or _VERSION)


def answer(images: Sequence[bytes], version: int) -> bytes:
    """All that begin as image files do are real; the others are no images."""
    readable = [image.startswith(_IMAGES) for image in images]
    shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=len(readable))])
    labels = [REAL.encode() if each else b"" for each in readable]
    reasons = [b"" if each else b"no image" for each in readable]
    probs = [0.25 if each else float("nan") for each in readable]
    response = PredictResponse(
        model_spec=ModelSpec(name=MODEL_NAME, version=Int64Value(value=version)),
        outputs={
            PROB_FAKE: TensorProto(dtype=DT_FLOAT, tensor_shape=shape, float_val=probs),
            LABEL: TensorProto(dtype=DT_STRING, tensor_shape=shape, string_val=labels),
            ERROR: TensorProto(dtype=DT_STRING, tensor_shape=shape, string_val=reasons),
        },
    )
    return response.SerializeToString()


async def serve(options: argparse.Namespace) -> None:
    """Serves until SIGTERM or SIGINT."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    stub = Stub(_service(options), options.fail_every, options.fail_after)
    service, _, method = PREDICT.lstrip("/").partition("/")
    handler: grpc.RpcMethodHandler[PredictRequest, bytes] = grpc.unary_unary_rpc_method_handler(
        stub.predict, PredictRequest.FromString
    )
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", -1)])
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {method: handler}),))
    port = server.add_insecure_port(f"127.0.0.1:{options.port}")
    await server.start()
    print(port, flush=True)
    await stopped.wait()
    await server.stop(grace=None)


def main() -> None:
    """Reads the flags and serves."""
    parser = argparse.ArgumentParser(prog="python -m ace_loadtest.stub_server", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="default: a free one")
    parser.add_argument("--delay-ms", type=float, default=0.0, help="how long each answer takes; default: 0")
    parser.add_argument("--stall-ms", type=float, default=0.0, help="nothing is answered so long, at the end of ...")
    parser.add_argument("--stall-every-ms", type=float, default=10_000.0, help="... every so long; default: 10000")
    parser.add_argument(
        "--queue-ms", type=float, help="one at a time, exponential with this mean, instead of the others"
    )
    parser.add_argument("--seed", type=int, default=0, help="of --queue-ms; default: 0")
    parser.add_argument(
        "--fail-every", type=int, default=0, metavar="N", help="refuse every Nth request; default: none"
    )
    parser.add_argument("--fail-after", type=int, default=0, metavar="N", help="refuse all after N; default: none")
    asyncio.run(serve(parser.parse_args()))


def _service(options: argparse.Namespace) -> Service:
    if options.queue_ms:
        return Queue(options.queue_ms / 1000, options.seed)
    if options.stall_ms:
        return Stalling(options.delay_ms / 1000, options.stall_ms / 1000, options.stall_every_ms / 1000)
    return Constant(options.delay_ms / 1000)


if __name__ == "__main__":
    main()
