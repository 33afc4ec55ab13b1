"""A gRPC server that answers as a test tells it to, on a port of its own; and both clients, called alike."""

import asyncio
import inspect
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

import grpc
import pytest
from google.protobuf.message import Message
from google.protobuf.wrappers_pb2 import Int64Value

from ace_client import AsyncDetector, Detector
from ace_client.protos.serving_pb2 import (
    GetModelMetadataRequest,
    GetModelMetadataResponse,
    GetModelStatusRequest,
    GetModelStatusResponse,
    ModelSpec,
    ModelVersionStatus,
    PredictRequest,
    PredictResponse,
    SignatureDef,
    SignatureDefMap,
    TensorInfo,
)
from ace_client.protos.tensor_pb2 import DT_FLOAT, DT_STRING, TensorProto, TensorShapeProto

Answer = Callable[[Message, grpc.ServicerContext], Message]


@dataclass
class TellableServer:
    """What the server was asked, and what it is told to answer."""

    address: str = ""
    requests: list[PredictRequest] = field(default_factory=list)
    predict: Answer = lambda request, _context: size_as_prob_fake(request)
    model_status: Answer = lambda _request, _context: version_states({1: "AVAILABLE"})

    def on_predict(self, request: Message, context: grpc.ServicerContext) -> Message:
        self.requests.append(request)
        return self.predict(request, context)

    def on_model_status(self, request: Message, context: grpc.ServicerContext) -> Message:
        return self.model_status(request, context)


def size_as_prob_fake(request: PredictRequest) -> PredictResponse:
    """Each image's size in thousands of bytes as its prob_fake: a test sees which answer belongs to which image."""
    sizes = [len(image) / 1000 for image in request.inputs["image_bytes"].string_val]
    shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=len(sizes))])
    spec = ModelSpec(name="detector", version=Int64Value(value=request.model_spec.version.value or 7))
    labels = [b"fake" if size >= 0.5 else b"real" for size in sizes]
    return PredictResponse(
        model_spec=spec,
        outputs={
            "prob_fake": TensorProto(dtype=DT_FLOAT, tensor_shape=shape, float_val=sizes),
            "label": TensorProto(dtype=DT_STRING, tensor_shape=shape, string_val=labels),
            "error": TensorProto(dtype=DT_STRING, tensor_shape=shape, string_val=[b""] * len(sizes)),
        },
    )


def contract_of_a_detector(_request: Message, _context: grpc.ServicerContext) -> GetModelMetadataResponse:
    """The one signature that `check_contract` looks at."""
    shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=-1)])
    strings, floats = (TensorInfo(dtype=dtype, tensor_shape=shape) for dtype in (DT_STRING, DT_FLOAT))
    outputs = {"prob_fake": floats, "label": strings, "error": strings}
    signature = SignatureDef(inputs={"image_bytes": strings}, outputs=outputs)
    response = GetModelMetadataResponse()
    response.metadata["signature_def"].Pack(SignatureDefMap(signature_def={"serving_default": signature}))
    return response


def version_states(states: dict[int, str]) -> GetModelStatusResponse:
    return GetModelStatusResponse(
        model_version_status=[ModelVersionStatus(version=version, state=state) for version, state in states.items()]
    )


@contextmanager
def running(
    server: TellableServer, *, port: int = 0, credentials: grpc.ServerCredentials | None = None
) -> Iterator[TellableServer]:
    """The server, listening on 127.0.0.1 until the block ends."""
    grpc_server = grpc.server(ThreadPoolExecutor(4), options=[("grpc.max_receive_message_length", -1)])
    for service, method, answer, request_class in (
        ("tensorflow.serving.PredictionService", "Predict", server.on_predict, PredictRequest),
        ("tensorflow.serving.PredictionService", "GetModelMetadata", contract_of_a_detector, GetModelMetadataRequest),
        ("tensorflow.serving.ModelService", "GetModelStatus", server.on_model_status, GetModelStatusRequest),
    ):
        handler = grpc.unary_unary_rpc_method_handler(
            answer,
            request_deserializer=request_class.FromString,
            response_serializer=lambda sent: sent.SerializeToString(),
        )
        grpc_server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {method: handler}),))
    address = f"127.0.0.1:{port}"
    if credentials is None:
        port = grpc_server.add_insecure_port(address)
    else:
        port = grpc_server.add_secure_port(address, credentials)
    server.address = f"127.0.0.1:{port}"
    grpc_server.start()
    try:
        yield server
    finally:
        grpc_server.stop(grace=None).wait()


@pytest.fixture
def server() -> Iterator[TellableServer]:
    """A server that answers each image's size, until a test tells it otherwise."""
    with running(TellableServer()) as listening:
        yield listening


@pytest.fixture
def over_tls(server: TellableServer) -> Callable[[grpc.ServerCredentials], AbstractContextManager[TellableServer]]:
    """The same server on another port with TLS, which is its address from then on: `with over_tls(credentials):`."""
    return lambda credentials: running(server, credentials=credentials)


@pytest.fixture
def serve_later() -> Iterator[Callable[[str, float], None]]:
    """Starts such a server at an address after some seconds."""
    stop = threading.Event()
    threads = []

    def start(address: str, after_s: float) -> None:
        def run() -> None:
            stop.wait(after_s)
            with running(TellableServer(), port=int(address.rpartition(":")[2])):
                stop.wait()

        threads.append(threading.Thread(target=run))
        threads[-1].start()

    yield start
    stop.set()
    for thread in threads:
        thread.join()


@pytest.fixture
def free_address() -> str:
    """An address where nothing listens."""
    with running(TellableServer()) as briefly:
        return briefly.address


class OnLoop:
    """An `AsyncDetector` whose methods are called as those of a `Detector`: they run on an event loop in a thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, *args: object, **kwargs: object) -> None:
        self._loop = loop
        self._detector = AsyncDetector(*args, **kwargs)

    def __enter__(self) -> "OnLoop":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __getattr__(self, name: str) -> Callable[..., object]:
        method = getattr(self._detector, name)
        return lambda *args, **kwargs: self._run(method, *args, **kwargs)

    def stream(self, *args: object, **kwargs: object) -> Iterator[object]:
        stream = self._detector.stream(*args, **kwargs)
        try:
            while True:
                yield self._run(stream.__anext__)
        except StopAsyncIteration:
            return

    def _run(self, method: Callable[..., object], *args: object, **kwargs: object) -> object:
        async def call() -> object:
            found = method(*args, **kwargs)
            return await found if inspect.isawaitable(found) else found

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result()


@pytest.fixture(scope="session")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop that runs in a thread."""
    running_loop = asyncio.new_event_loop()
    thread = threading.Thread(target=running_loop.run_forever)
    thread.start()
    yield running_loop
    running_loop.call_soon_threadsafe(running_loop.stop)
    thread.join()
    running_loop.close()


@pytest.fixture(params=["threads", "asyncio"])
def connect(request: pytest.FixtureRequest) -> Callable[..., Detector]:
    """Makes a `Detector`, and in the test's second run an `AsyncDetector` that is called like one."""
    if request.param == "threads":
        return Detector
    event_loop = request.getfixturevalue("loop")
    return lambda *args, **kwargs: OnLoop(event_loop, *args, **kwargs)
