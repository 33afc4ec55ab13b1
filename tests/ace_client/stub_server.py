"""A model server in a process of its own that costs no TensorFlow: `python stub_server.py --version=1 [...]`.

Prints its port once it listens. Answers each image's size in thousands of bytes as prob_fake, and --version as the
version; requests that pin another one are NOT_FOUND. On SIGTERM it drains as ace_server does: health says no, new calls
are refused, those in flight end.
"""

import argparse
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
from google.protobuf.wrappers_pb2 import Int64Value
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from ace_client.protos.serving_pb2 import (
    GetModelStatusResponse,
    ModelSpec,
    ModelVersionStatus,
    PredictRequest,
    PredictResponse,
)
from ace_client.protos.tensor_pb2 import DT_FLOAT, DT_STRING, TensorProto, TensorShapeProto

LOADING = ModelVersionStatus(version=1, state="LOADING")


class Stub:
    """Predict, in a way that the flags choose, until it drains."""

    def __init__(self, version, behaviour, delay_s):
        self._version = version
        self._behaviour = behaviour
        self._delay_s = delay_s
        self._calls = 0
        self._lock = threading.Condition()
        self._draining = False
        self.ended = threading.Event()

    def predict(self, request, context):
        """One call."""
        with self._passage(context):
            pinned = request.model_spec.version.value
            if pinned not in (0, self._version):
                context.abort(
                    grpc.StatusCode.NOT_FOUND, f"Servable not found for request: Specific(detector, {pinned})"
                )
            if self._behaviour == "hang":
                self.ended.wait()
            if self._behaviour == "refuse":
                context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "more than this replica takes on")
            if self._behaviour == "other model":
                return PredictResponse(outputs={"y": request.inputs["image_bytes"]})
            time.sleep(self._delay_s)
            return self._answer(request)

    def drain(self):
        """Refuse new calls and wait for those in flight."""
        with self._lock:
            self._draining = True
            self._lock.wait_for(lambda: not self._calls, timeout=10)

    @contextmanager
    def _passage(self, context):
        with self._lock:
            if self._draining:
                context.set_trailing_metadata((("grpc-retry-pushback-ms", "20"),))
                context.abort(grpc.StatusCode.UNAVAILABLE, "The server is draining")
            self._calls += 1
        try:
            yield
        finally:
            with self._lock:
                self._calls -= 1
                self._lock.notify_all()

    def _answer(self, request):
        sizes = [len(image) / 1000 for image in request.inputs["image_bytes"].string_val]
        shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=len(sizes))])
        labels = [b"fake" if size >= 0.5 else b"real" for size in sizes]
        return PredictResponse(
            model_spec=ModelSpec(name="detector", version=Int64Value(value=self._version)),
            outputs={
                "prob_fake": TensorProto(dtype=DT_FLOAT, tensor_shape=shape, float_val=sizes),
                "label": TensorProto(dtype=DT_STRING, tensor_shape=shape, string_val=labels),
                "error": TensorProto(dtype=DT_STRING, tensor_shape=shape, string_val=[b""] * len(sizes)),
            },
        )


def main():
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--version", type=int, default=1)
    parser.add_argument("--behaviour", choices=["serve", "hang", "refuse", "other model"], default="serve")
    parser.add_argument("--unhealthy", action="store_true")
    parser.add_argument("--delay-s", type=float, default=0.0)
    options = parser.parse_args()
    stub = Stub(options.version, options.behaviour, options.delay_s)
    server = grpc.server(ThreadPoolExecutor(32), options=[("grpc.so_reuseport", 0)])
    handler = grpc.unary_unary_rpc_method_handler(
        stub.predict, PredictRequest.FromString, PredictResponse.SerializeToString
    )
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("tensorflow.serving.PredictionService", {"Predict": handler}),)
    )
    servicer = health.HealthServicer()
    healths = health_pb2.HealthCheckResponse
    servicer.set("", healths.NOT_SERVING if options.unhealthy else healths.SERVING)
    status = grpc.unary_unary_rpc_method_handler(
        lambda _request, _context: GetModelStatusResponse(
            model_version_status=[ModelVersionStatus(version=1, state=20)]
        ),
        response_serializer=GetModelStatusResponse.SerializeToString,
    )
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("tensorflow.serving.ModelService", {"GetModelStatus": status}),)
    )
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    port = server.add_insecure_port(f"{options.host}:{options.port}")
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    server.start()
    print(port, flush=True)
    stopped.wait()
    servicer.enter_graceful_shutdown()
    stub.drain()
    stub.ended.set()
    server.stop(grace=1).wait()


if __name__ == "__main__":
    main()
