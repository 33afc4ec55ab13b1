"""A real server that is killed at the worst of moments, and started again."""

import contextlib
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import grpc
import httpx
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2, prediction_service_pb2_grpc

from ace_server.tensors import to_array, to_proto

FOREVER_S = 1e9
CONFIG = """
model_config_list {{ config {{
  name: "probe" base_path: "{folder}/probe" model_platform: "tensorflow"
  model_version_policy {{ latest {{ num_versions: 2 }} }}
  version_labels {{ key: "stable" value: 1 }}
  logging_config {{
    log_collector_config {{ filename_prefix: "{folder}/log" }} sampling_config {{ sampling_rate: 1.0 }}
  }}
}} }}"""


@pytest.mark.slow
def test_a_killed_server_starts_again_on_its_ports_with_its_state_and_leaves_no_child(
    serve, tmp_path, probe_path, with_warm_up
):
    first = Path(shutil.copytree(probe_path, tmp_path / "probe" / "1"))
    (tmp_path / "models.config").write_text(CONFIG.format(folder=tmp_path))
    port, rest_port, unix_socket = free_port(), free_port(), tmp_path / "grpc.sock"
    flags = [f"--port={port}", f"--rest_api_port={rest_port}", f"--grpc_socket_path={unix_socket}"]
    flags += [
        f"--model_config_file={tmp_path / 'models.config'}",
        "--file_system_poll_wait_seconds=0.1",
        "--trial_load",
    ]
    targets = [f"127.0.0.1:{port}", f"unix:{unix_socket}"]

    server = serve(None, *flags)
    with load(targets[0]):  # killed under load, while a version that hangs is on trial
        with_warm_up(shutil.copytree(probe_path, tmp_path / "2"), FOREVER_S).rename(tmp_path / "probe" / "2")
        child = trial_of(server.process.pid)
        server.stop(signal.SIGKILL)
    wait_for(lambda: ended(child), "the trial's process lives on")
    shutil.rmtree(tmp_path / "probe" / "2")
    with_warm_up(first, FOREVER_S)
    command = [sys.executable, "-m", "ace_server", "--host=127.0.0.1", *flags]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as loading:  # killed while it loads
        wait_for(lambda: health_of(rest_port) == (200, 503), "the port does not open")
        loading.kill()
    shutil.rmtree(first / "assets.extra")
    serve(None, *flags)

    assert [answer(target) for target in targets] == [([2.0], 1)] * 2
    assert health_of(rest_port) == (200, 200)
    records = [record for file in tmp_path.glob("log-*.tfrecord") for record in whole_records(file)]
    assert {log.predict_log.response.model_spec.version.value for log in records} == {1}


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def health_of(rest_port):
    """The statuses of /healthz and /readyz; None where nobody listens."""
    with contextlib.suppress(httpx.TransportError):
        return tuple(httpx.get(f"http://127.0.0.1:{rest_port}/{page}").status_code for page in ("healthz", "readyz"))
    return None


def answer(target):
    """What the version labelled `stable` says to x = 0, and which it is."""
    request = predict_pb2.PredictRequest(inputs={"x": to_proto(np.zeros(1, np.float32))})
    request.model_spec.name, request.model_spec.version_label = "probe", "stable"
    with grpc.insecure_channel(target) as channel:
        response = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, timeout=30)
    return to_array(response.outputs["y"]).tolist(), response.model_spec.version.value


@contextlib.contextmanager
def load(target):
    """Two callers who call until the server has gone; begins once one of them has been answered."""
    answered, over = threading.Event(), threading.Event()

    def keep_calling():
        with contextlib.suppress(grpc.RpcError):
            while not over.is_set():
                answer(target)
                answered.set()

    threads = [threading.Thread(target=keep_calling) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        assert answered.wait(30)
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def trial_of(pid):
    """The process in which this one tries a version next, once it runs and knows what to load."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    wait_for(lambda: children.read_text().split(), f"process {pid} starts none")
    child = int(children.read_text().split()[0])
    wait_for(lambda: Path(f"/proc/{child}/oom_score_adj").read_text().strip() == "1000", "it does not begin")
    return child


def ended(pid):
    """Whether it has; one that nobody has asked for its status yet has too."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def wait_for(holds, complaint, timeout_s=60):
    deadline_s = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > deadline_s:
            raise TimeoutError(complaint)
        time.sleep(0.01)


def whole_records(file):
    """The records of a file whose writer was killed: where the last is not whole, a reader is told so."""
    with contextlib.suppress(tf.errors.DataLossError):
        for record in tf.compat.v1.io.tf_record_iterator(str(file)):
            yield prediction_log_pb2.PredictionLog.FromString(record)
