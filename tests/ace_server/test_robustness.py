"""Thousands of requests, a fifth of them wrong in one way or another: none harms the server or another caller."""

import asyncio
import contextlib
import os
import random
import socket
from pathlib import Path

import grpc
import numpy as np
import pytest
from tensorflow.core.framework import tensor_pb2, types_pb2
from tensorflow_serving.apis import predict_pb2

from ace_server.tensors import to_array, to_proto

PREDICT = "/tensorflow.serving.PredictionService/Predict"
REQUESTS = 5_000  # by each of two crowds
CALLERS = 16
REFUSALS = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.NOT_FOUND,
}


def request(**inputs):
    message = predict_pb2.PredictRequest()
    message.model_spec.name = "probe"
    for name, tensor in inputs.items():
        message.inputs[name].CopyFrom(tensor)
    return message.SerializeToString()


def floats(*sizes, **content):
    tensor = tensor_pb2.TensorProto(dtype=types_pb2.DT_FLOAT, **content)
    for size in sizes:
        tensor.tensor_shape.dim.add(size=size)
    return tensor


def random_bytes(rng):
    return rng.randbytes(rng.randrange(1, 2000))


def cut_off(rng):
    whole = request(x=to_proto(np.arange(50, dtype=np.float32)))
    return whole[: rng.randrange(1, len(whole) - 1)]


def nested_deeply(rng):
    """A message inside a message, a thousand deep."""
    body = b""
    for _ in range(1000):
        body = b"\x12" + _varint(len(body)) + body
    return body


def _varint(number):
    encoded = b""
    while number > 0x7F:
        encoded += bytes([number & 0x7F | 0x80])
        number >>= 7
    return encoded + bytes([number])


WRONG = [
    random_bytes,
    cut_off,
    nested_deeply,
    lambda rng: request(x=to_proto(np.array([b"text"], dtype=object))),
    lambda rng: request(x=floats(2**40, 2**40, float_val=[1.0])),
    lambda rng: request(x=floats(-1, float_val=[1.0])),
    lambda rng: request(x=floats(2**29, float_val=[1.0, 2.0])),  # one value, repeated over two gigabytes
    lambda rng: request(x=floats(8, tensor_content=b"short")),
    lambda rng: request(x=tensor_pb2.TensorProto(dtype=99)),
    lambda rng: request(nothing=to_proto(np.zeros(1, dtype=np.float32))),
    lambda rng: request(),
    lambda rng: b"",
]


class Crowd:
    """Callers of one server; what went wrong that should not have is in `complaints`."""

    def __init__(self, address):
        self._address = address
        self._rng = random.Random(7)
        self._left = REQUESTS
        self.complaints = []

    async def call(self):
        async with grpc.aio.insecure_channel(self._address) as channel:
            predict = channel.unary_unary(PREDICT)
            await asyncio.gather(*(self._call_again(predict) for _ in range(CALLERS)))

    async def _call_again(self, predict):
        while self._left > 0:
            self._left -= 1
            if self._left % 5:
                await self._good(predict)
            elif self._left % 50:
                await self._bad(predict, self._rng.choice(WRONG)(self._rng))
            else:
                await self._give_up(predict)

    async def _good(self, predict):
        x = self._rng.randrange(1000)
        answer = await predict(request(x=to_proto(np.array([x], dtype=np.float32))), timeout=60)
        y = to_array(predict_pb2.PredictResponse.FromString(answer).outputs["y"]).tolist()
        if y != [x / 2 + 2]:
            self.complaints.append((x, y))

    async def _bad(self, predict, message):
        try:
            await predict(message, timeout=60)
            self.complaints.append((message[:100], "was answered"))
        except grpc.aio.AioRpcError as error:
            if error.code() not in REFUSALS:
                self.complaints.append((message[:100], error.code(), error.details()))

    async def _give_up(self, predict):
        call = predict(request(x=to_proto(np.zeros(1, dtype=np.float32))))
        await asyncio.sleep(self._rng.random() / 1000)
        call.cancel()


def resident_mb(pid):
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


@pytest.mark.slow
def test_a_fifth_of_wrong_requests_harms_no_other_and_leaves_nothing_behind(serve, probe_path):
    server = serve(probe_path.parent, "--model_name=probe")
    first, second = Crowd(server.address), Crowd(server.address)
    with slow_senders(server.address):
        asyncio.run(first.call())
        settled_mb = resident_mb(server.process.pid)
        asyncio.run(second.call())

    assert (first.complaints, second.complaints) == ([], [])
    assert resident_mb(server.process.pid) < 1.1 * settled_mb
    assert "Traceback" not in server.stderr_text()


@contextlib.contextmanager
def slow_senders(address):
    """Connections that begin to speak and go no further."""
    host, port = address.rsplit(":", 1)
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            sender = stack.enter_context(socket.create_connection((host, int(port))))
            sender.sendall(b"PRI * HTTP/2.0\r\n")
        yield
