import subprocess
import sys

import pytest


def run(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout


def test_importing_the_client_loads_nothing_heavy():
    loaded = set(run("import ace_client, sys; print(*sys.modules)").split())

    assert "grpc" in loaded
    assert "ace_client.command" not in loaded
    assert loaded.isdisjoint({"tensorflow", "tensorflow_serving", "keras", "cv2", "gevent", "matplotlib", "ace_server"})
    assert loaded.isdisjoint({"prometheus_client", "opentelemetry", "ace_client.prometheus", "ace_client.otel"})


def test_the_command_line_loads_pillow_only_for_a_sheet():
    loaded = set(run("import ace_client.__main__, sys; print(*sys.modules)").split())

    assert "ace_client.command.sheet" in loaded
    assert loaded.isdisjoint({"PIL", "tensorflow", "cv2"})


@pytest.mark.parametrize(
    "order",
    [
        "import ace_client, tensorflow, tensorflow_serving.apis.prediction_service_pb2_grpc",
        "import tensorflow, tensorflow_serving.apis.prediction_service_pb2_grpc, ace_client",
    ],
    ids=["client first", "tensorflow first"],
)
def test_the_client_works_beside_tensorflow_serving_apis(order, server):
    pytest.importorskip("tensorflow_serving.apis")
    program = f"""
import os
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
{order}
from tensorflow_serving.apis import predict_pb2
with ace_client.Detector({server.address!r}, deadline_s=30) as detector:
    print(detector.detect(bytes(250))[0].prob_fake, predict_pb2.PredictRequest().ByteSize())
"""

    assert run(program) == "0.25 0\n"
