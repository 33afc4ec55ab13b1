"""`ace_server` under Ray Serve, on a cluster of two nodes on this machine: `make test-ray`."""

import shutil
import socket
import subprocess
import sys
import threading
import time
import warnings
from contextlib import contextmanager
from pathlib import Path

import cv2
import grpc
import numpy as np
import pytest
import yaml

from ace_client import Detector, ModelNotFound

ray = pytest.importorskip("ray", reason="Ray, which has an environment of its own, is not in this one: make test-ray")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Ray's, of pydantic
    from ray import serve
    from ray.cluster_utils import Cluster

SERVE_YAML = Path(__file__).parents[2] / "serving" / "ray_serve" / "serve.yaml"
IMAGE = cv2.imencode(".jpg", np.full((32, 32, 3), 99, np.uint8))[1].tobytes()
TIMEOUT_S = 120
pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def cluster():
    """A head node with the proxy, and a second node; each has room for one replica."""
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        cluster.second = cluster.add_node(num_cpus=1)
        ray.init(address=cluster.address, log_to_driver=False)
        yield cluster
        serve.shutdown()
    finally:
        ray.shutdown()
        cluster.shutdown()


class Application:
    """What `serve run` makes of our file, with ports, paths and patience of the test's."""

    def __init__(self, cluster, base_path, file):
        self._cluster = cluster
        self._file = file
        self.config = yaml.safe_load(SERVE_YAML.read_text())
        self.port, http_port = _free_port(), _free_port()
        self.config["proxy_location"] = "HeadOnly"
        self.config["http_options"] = {"port": http_port}
        self.config["grpc_options"]["port"] = self.port
        [app] = self.config["applications"]
        app["args"]["flags"][1:] = [f"--model_base_path={base_path}", "--notrial_load"]
        [self._replica] = app["deployments"]
        self._replica["ray_actor_options"] = {"num_cpus": 1}
        self._replica["autoscaling_config"] |= {
            "max_replicas": 2,
            "target_ongoing_requests": 2,
            "upscale_delay_s": 1,
            "downscale_delay_s": 600,
        }

    def deploy(self, version):
        """Run the file with this version pinned."""
        self._replica["user_config"] = {"versions": {"detector": version}}
        self._file.write_text(yaml.safe_dump(self.config))
        command = [Path(sys.executable).with_name("serve"), "run", "--non-blocking", self._file]
        subprocess.run([*command, f"--address={self._cluster.address}"], check=True, capture_output=True)

    def running(self):
        """How many replicas take calls."""
        deployments = serve.status().applications["detector"].deployments
        return deployments["Replica"].replica_states.get("RUNNING", 0)


def _free_port():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return unused.getsockname()[1]


@pytest.fixture(scope="module")
def application(cluster, detector_base_path, tmp_path_factory):
    """The application, of a model with versions 1 and 2, serving version 1."""
    folder = tmp_path_factory.mktemp("ray")
    for version in ("1", "2"):
        shutil.copytree(detector_base_path / "1", folder / "models" / version)
    application = Application(cluster, folder / "models", folder / "serve.yaml")
    application.deploy(1)
    return application


@pytest.fixture(scope="module")
def detector(application):
    with Detector(f"127.0.0.1:{application.port}", deadline_s=60) as detector:
        detector.wait_ready(TIMEOUT_S, version=1)
        yield detector


def wait_until(holds):
    deadline_s = time.monotonic() + TIMEOUT_S
    while not holds():
        if time.monotonic() > deadline_s:
            raise TimeoutError(str(serve.status()))
        time.sleep(0.1)


@contextmanager
def callers(detector, count=6):
    """The versions that answered so many callers, who ask again at once; with the block's end each has got all answers.

    Raises:
        CallError: of a call that failed.
    """
    versions, errors, done = [], [], threading.Event()

    def call():
        try:
            while not done.is_set():
                versions.append(detector.detect(IMAGE)[0].version)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=call) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield versions
    finally:
        done.set()
        for thread in threads:
            thread.join()
    if errors:
        raise errors[0]


def test_answers_as_the_server_does(detector):
    good, bad = detector.detect([IMAGE, b"no image"])

    assert (good.version, good.label, good.error) == (1, good.label, None)
    assert bad.error
    assert "serving_default" in detector.metadata().signatures
    assert [(status.version, status.state) for status in detector.model_status()] == [(1, "AVAILABLE")]


def test_a_proxy_loads_no_tensorflow():
    program = "import sys, ace_server.ray_serve; sys.exit('tensorflow' in sys.modules)"

    assert subprocess.run([sys.executable, "-W", "ignore", "-c", program]).returncode == 0


def test_errors_keep_their_status_and_words(detector):
    with pytest.raises(ModelNotFound, match=r"Servable not found for request: Specific\(detector, 99\)"):
        detector.detect(IMAGE, version=99)


@pytest.mark.parametrize(
    ("method", "content", "status"),
    [
        ("PredictionService/Predict", b"\xff", "INVALID_ARGUMENT"),
        ("PredictionService/Classify", b"", "INVALID_ARGUMENT"),
        ("ModelService/HandleReloadConfigRequest", b"", "PERMISSION_DENIED"),
    ],
)
def test_what_is_refused_is_refused_with_a_request_id(application, detector, method, content, status):
    with grpc.insecure_channel(f"127.0.0.1:{application.port}") as channel:
        call = channel.unary_unary(f"/tensorflow.serving.{method}")
        with pytest.raises(grpc.RpcError) as refused:
            call(content, timeout=TIMEOUT_S, metadata=[("x-request-id", "mine")])

    assert refused.value.code().name == status
    assert ("x-request-id", "mine") in [(name, value) for name, value in refused.value.trailing_metadata()]


def test_a_replica_is_added_while_calls_wait(application, detector):
    assert application.running() == 1

    with callers(detector):
        wait_until(lambda: application.running() == 2)


def test_a_new_version_rolls_over_all_replicas_without_a_failed_call(application, detector):
    with callers(detector) as versions:
        application.deploy(2)
        wait_until(lambda: versions[-100:] == [2] * 100 and application.running() == 2)

    assert set(versions) == {1, 2}


def test_no_call_is_lost_with_a_node_that_is_killed(application, cluster, detector):
    with callers(detector) as versions:
        wait_until(lambda: application.running() == 2)
        cluster.remove_node(cluster.second, allow_graceful=False)
        wait_until(lambda: application.running() == 1)
        answered = len(versions)
        wait_until(lambda: len(versions) > answered + 200)
