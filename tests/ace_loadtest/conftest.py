"""Images to send, and a gRPC server that answers at once, or refuses when told to: a real one, on a port of its own."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import cv2
import grpc
import numpy as np
import pytest
from google.protobuf.wrappers_pb2 import Int64Value

from ace_client.protos.serving_pb2 import ModelSpec, PredictRequest, PredictResponse
from ace_client.protos.tensor_pb2 import DT_FLOAT, DT_STRING, TensorProto, TensorShapeProto


@pytest.fixture(scope="session")
def images(tmp_path_factory):
    """A folder of eight small images."""
    folder = tmp_path_factory.mktemp("images")
    generator = np.random.default_rng(0)
    for number in range(8):
        cv2.imwrite(str(folder / f"{number}.jpg"), generator.integers(0, 256, (48, 40, 3), np.uint8))
    return folder


@pytest.fixture
def serve_stub() -> Iterator[Callable[..., str]]:
    """Starts a server that refuses every so many requests, or all after so many; its address."""
    servers = []

    def start(*, refuse_every: int = 0, refuse_after: int = 0) -> str:
        numbers = count(1)

        def predict(request: PredictRequest, context: grpc.ServicerContext) -> PredictResponse:
            number = next(numbers)
            if (refuse_every and number % refuse_every == 0) or (refuse_after and number > refuse_after):
                context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too much")
            if request.model_spec.name != "detector":
                context.abort(grpc.StatusCode.NOT_FOUND, f"Servable not found for request: {request.model_spec.name}")
            return answer(request)

        handler = grpc.unary_unary_rpc_method_handler(
            predict, PredictRequest.FromString, PredictResponse.SerializeToString
        )
        service = grpc.method_handlers_generic_handler("tensorflow.serving.PredictionService", {"Predict": handler})
        servers.append(grpc.server(ThreadPoolExecutor(4)))
        servers[-1].add_generic_rpc_handlers((service,))
        port = servers[-1].add_insecure_port("127.0.0.1:0")
        servers[-1].start()
        return f"127.0.0.1:{port}"

    yield start
    for server in servers:
        server.stop(grace=None).wait()


@pytest.fixture
def stub_address(serve_stub) -> str:
    """The address of a server that answers every request."""
    return serve_stub()


def answer(request: PredictRequest) -> PredictResponse:
    """Version 1 finds JPEG files real, and says of anything else that it is no image."""
    readable = [image.startswith(b"\xff\xd8") for image in request.inputs["image_bytes"].string_val]
    shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=len(readable))])
    labels = [b"real" if each else b"" for each in readable]
    reasons = [b"" if each else b"no image" for each in readable]
    return PredictResponse(
        model_spec=ModelSpec(name="detector", version=Int64Value(value=1)),
        outputs={
            "prob_fake": TensorProto(dtype=DT_FLOAT, tensor_shape=shape, float_val=[0.25] * len(readable)),
            "label": TensorProto(dtype=DT_STRING, tensor_shape=shape, string_val=labels),
            "error": TensorProto(dtype=DT_STRING, tensor_shape=shape, string_val=reasons),
        },
    )
