"""What a real TensorFlow Serving answered (tests/contract), served by a stub: each is the right value or error here."""

import base64
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import numpy as np
import pytest

from ace_client import (
    CallError,
    ModelNotFound,
    Options,
    Overloaded,
    RequestRejected,
)
from ace_client.protos.serving_pb2 import PredictResponse
from ace_client.protos.tensor_pb2 import DT_STRING, DataType

CONTRACT = Path(__file__).parents[1] / "contract"
METHODS = ("Predict", "GetModelMetadata", "GetModelStatus")  # those that the client calls
KINDS = {
    "NOT_FOUND": ModelNotFound,
    "INVALID_ARGUMENT": RequestRejected,
    "FAILED_PRECONDITION": RequestRejected,
    "UNAVAILABLE": Overloaded,
}


def rows() -> Iterator[dict[str, str]]:
    for recording in ("recorded", "recorded_batched"):
        for line in (CONTRACT / f"{recording}.jsonl").read_text().splitlines():
            row = json.loads(line)
            if row["method"] in METHODS:
                yield pytest.param(row, id=f"{recording}-{row['method']}-{row['case']}")


class Player:
    """Answers each call with the row that was put in."""

    def __init__(self) -> None:
        self.row: dict[str, str] = {}

    def answer(self, _request: bytes, context: grpc.ServicerContext) -> bytes:
        if self.row["code"] != "OK":
            context.abort(grpc.StatusCode[self.row["code"]], self.row["message"])
        return base64.b64decode(self.row["response"])


@pytest.fixture(scope="module")
def player() -> Iterator[tuple[Player, str]]:
    """The player and the address where it plays."""
    stub, server = Player(), grpc.server(ThreadPoolExecutor(4))
    for service in ("PredictionService", "ModelService"):
        handlers = {method: grpc.unary_unary_rpc_method_handler(stub.answer) for method in METHODS}
        played = grpc.method_handlers_generic_handler(f"tensorflow.serving.{service}", handlers)
        server.add_generic_rpc_handlers((played,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield stub, f"127.0.0.1:{port}"
    server.stop(grace=None).wait()


def ask(detector, method):
    if method == "Predict":
        return detector.predict("any", "serving_default", {"x": np.float32([1])})
    return detector.metadata() if method == "GetModelMetadata" else detector.model_status()


@pytest.mark.parametrize("row", [*rows()])
def test_each_recorded_answer_is_its_value_or_its_error(connect, player, row):
    stub, address = player
    stub.row = row

    with connect(address, options=Options(max_attempts=1)) as detector:
        if row["code"] != "OK":
            with pytest.raises(CallError) as raised:
                ask(detector, row["method"])
            assert_error(raised.value, row)
            return
        found = ask(detector, row["method"])

    if row["method"] == "Predict":
        outputs = PredictResponse.FromString(base64.b64decode(row["response"])).outputs
        assert found.keys() == outputs.keys()
        for name, tensor in outputs.items():
            assert_values(found[name], tensor)
    elif row["method"] == "GetModelMetadata":
        assert found.version == int(row["reads"]["model_spec"]["version"])
        assert "serving_default" in found.signatures
    else:
        assert [status.version for status in found] == sorted(
            int(status["version"]) for status in row["reads"]["model_version_status"]
        )


def assert_error(error: CallError, row: dict[str, str]) -> None:
    label_unknown = "servable version label" in row["message"]
    assert type(error) is (ModelNotFound if label_unknown else KINDS[row["code"]])
    assert error.status == row["code"]
    assert row["message"] in str(error)


def assert_values(array, tensor) -> None:
    """The array is what TensorFlow itself reads from the tensor."""
    tf_util = pytest.importorskip("tensorflow.python.framework.tensor_util")
    from tensorflow.core.framework import tensor_pb2

    theirs = tf_util.MakeNdarray(tensor_pb2.TensorProto.FromString(tensor.SerializeToString()))
    assert array.shape == theirs.shape
    assert array.tolist() == (theirs if tensor.dtype == DT_STRING else theirs.astype(array.dtype)).tolist()


def test_every_type_that_was_recorded_is_among_ours():
    types = {
        tensor.dtype
        for row in (each.values[0] for each in rows())
        if row["method"] == "Predict" and row["code"] == "OK"
        for tensor in PredictResponse.FromString(base64.b64decode(row["response"])).outputs.values()
    }

    assert len(types) >= 15
    assert types <= set(DataType.values())
