"""A real server whose clock is set, a month on and back again, while it is asked."""

import time
from datetime import date, timedelta

import grpc
import numpy as np
import pytest
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from ace_server.tensors import to_proto

JUMP = timedelta(days=30)


@pytest.fixture
def base_path(tmp_path, write_probe):
    return write_probe(tmp_path / "probe" / "1").parent


def asked(stub, signature="serving_default", **inputs):
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "probe", signature
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(to_proto(value))
    return stub.Predict.future(request, timeout=60)


def served_at(server, number):
    """The day, by the server's clock, on which it loaded this version."""
    server.wait_for_log(loaded := f"{{name: probe version: {number}}}")
    [line] = (line for line in server.stderr_text().splitlines() if loaded in line and "loaded" in line)
    return date.fromisoformat(line.split()[0])


def test_a_clock_that_jumps_fails_no_call_and_delays_no_version(serve, base_path, set_clock, write_probe):
    server = serve(base_path, "--model_name=probe", "--file_system_poll_wait_seconds=1")
    days = [served_at(server, 1)]
    with grpc.insecure_channel(server.address) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        under_way = asked(stub, "spin", seconds=np.float64([3]))
        for number, offset in ((2, JUMP), (3, timedelta())):
            set_clock(offset)
            jumped_s = time.monotonic()
            while time.monotonic() < jumped_s + 2:  # within which the server's clock has jumped
                assert asked(stub, x=np.float32([2])).result()
            write_probe(base_path / str(number))
            days.append(served_at(server, number))
        assert under_way.result()

    assert days[1] - days[0] > JUMP / 2 > days[2] - days[0]
    assert server.stop() == 0
