"""Real servers in processes of their own, asked over gRPC."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from ace_server.tensors import to_array, to_proto

State = get_model_status_pb2.ModelVersionStatus.State
WITHOUT_END_S = 1e6  # for what no test waits for
LONG_S = 4.0  # for what must still be under way when the test has done its next steps


class Caller:
    """A client of one model, as TensorFlow Serving's own users write it."""

    def __init__(self, address, model="probe"):
        self.channel = grpc.insecure_channel(address)
        self._predict = prediction_service_pb2_grpc.PredictionServiceStub(self.channel)
        self._models = model_service_pb2_grpc.ModelServiceStub(self.channel)
        self._health = health_pb2_grpc.HealthStub(self.channel)
        self._model = model

    def request(self, signature="serving_default", version=None, **inputs):
        request = predict_pb2.PredictRequest()
        request.model_spec.name = self._model
        request.model_spec.signature_name = signature
        if version is not None:
            request.model_spec.version.value = version
        for name, array in inputs.items():
            request.inputs[name].CopyFrom(to_proto(array))
        return request

    def predict(self, request):
        return self._predict.Predict(request, timeout=30)

    def y(self, *x, version=None):
        """The answer for x, and the version that gave it."""
        response = self.predict(self.request(version=version, x=np.array(x, dtype=np.float32)))
        return to_array(response.outputs["y"]).tolist(), response.model_spec.version.value

    def outputs(self, *x):
        """All outputs for x."""
        response = self.predict(self.request(x=np.array(x, dtype=np.float32)))
        return {name: to_array(tensor) for name, tensor in response.outputs.items()}

    def spin(self, seconds, timeout_s=30):
        """A call that keeps a runner busy; its future."""
        return self._predict.Predict.future(self.request("spin", seconds=np.array([seconds])), timeout=timeout_s)

    def metadata(self):
        request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        request.model_spec.name = self._model
        return self._predict.GetModelMetadata(request, timeout=30)

    def states(self):
        """State and error by version."""
        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = self._model
        answer = self._models.GetModelStatus(request, timeout=30)
        return {
            status.version: (State.Name(status.state), status.status.error_message)
            for status in answer.model_version_status
        }

    def healthy(self, service=""):
        status = self._health.Check(health_pb2.HealthCheckRequest(service=service), timeout=30).status
        return status == health_pb2.HealthCheckResponse.SERVING

    def wait_for(self, version, state):
        self._wait(lambda: self.states().get(version, ("", ""))[0] == state, f"version {version} is not {state}")

    def wait_for_error(self, version):
        self._wait(lambda: self.states()[version][1], f"version {version} has no error")

    def wait_for_answer(self, y):
        self._wait(lambda: self.y(0)[0] == y, f"the answer is not {y}")

    def _wait(self, holds, complaint, timeout_s=60):
        deadline_s = time.monotonic() + timeout_s
        while not holds():
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"{complaint}: {self.states()}")
            time.sleep(0.05)


@pytest.fixture
def base_path(tmp_path, probe_path):
    """A base path of the test's own with version 1."""
    shutil.copytree(probe_path, tmp_path / "probe" / "1")
    return tmp_path / "probe"


@pytest.fixture(scope="module")
def probe_server(serve, probe_path):
    """One server for the tests that change nothing."""
    return serve(probe_path.parent, "--model_name=probe")


@pytest.fixture(scope="module")
def caller(probe_server):
    return Caller(probe_server.address)


def test_predict_answers_with_the_version_that_ran(caller):
    assert caller.y(0, 2) == ([2, 3], 1)


def test_a_version_that_is_not_served_is_not_found(caller):
    with pytest.raises(grpc.RpcError) as caught:
        caller.y(0, version=9)

    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    assert caught.value.details() == "Servable not found for request: Specific(probe, 9)"


def test_a_wrong_dtype_is_told_in_the_words_of_tensorflow_serving(caller):
    request = caller.request(x=np.array([1], dtype=np.int32))

    with pytest.raises(grpc.RpcError) as caught:
        caller.predict(request)

    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.details() == "Expects arg[0] to be float but int32 is provided"


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("tensorflow.serving.PredictionService/Predict", "tensorflow.serving.PredictRequest"),
        ("tensorflow.serving.ModelService/GetModelStatus", "tensorflow.serving.GetModelStatusRequest"),
        ("grpc.health.v1.Health/Check", "grpc.health.v1.HealthCheckRequest"),
        ("grpc.health.v1.Health/Watch", "grpc.health.v1.HealthCheckRequest"),
    ],
)
def test_bytes_that_are_no_message_are_the_callers_mistake_and_a_line_in_the_log(probe_server, caller, method, message):
    before = probe_server.stderr_text()
    call = caller.channel.unary_stream(f"/{method}")  # to a client, one answer is a stream of one
    with pytest.raises(grpc.RpcError) as caught:
        list(call(b"\xff" * 5, timeout=30))

    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert f"The 5 bytes that were sent are no {message}." in caught.value.details()
    [line] = probe_server.stderr_text().removeprefix(before).splitlines()
    assert f"sent 5 bytes that are no {message}" in line


def test_metadata_lists_the_signatures(caller):
    signatures = get_model_metadata_pb2.SignatureDefMap()
    caller.metadata().metadata["signature_def"].Unpack(signatures)

    assert {"serving_default", "spin", "divide", "total"} <= set(signatures.signature_def)
    assert signatures.signature_def["serving_default"].inputs["x"].tensor_shape.dim[0].size == -1


def test_status_and_health_say_that_it_serves(caller):
    assert caller.states() == {1: ("AVAILABLE", "")}
    assert [caller.healthy(service) for service in ("", "probe", "tensorflow.serving.PredictionService")] == [True] * 3


def test_reflection_lists_the_services(probe_server):
    with grpc.insecure_channel(probe_server.address) as channel:
        services = ProtoReflectionDescriptorDatabase(channel).get_services()

    assert {"tensorflow.serving.PredictionService", "tensorflow.serving.ModelService"} <= set(services)


def test_a_unix_socket_serves_alone_where_the_port_is_zero(serve, probe_path, tmp_path):
    server = serve(probe_path.parent, "--model_name=probe", f"--grpc_socket_path={tmp_path / 'grpc.sock'}")

    assert server.address == f"unix:{tmp_path / 'grpc.sock'}"
    assert Caller(server.address).y(0) == ([2], 1)


def test_a_call_past_its_deadline_is_dropped_from_the_queue(serve, probe_path, tmp_path):
    one_runner = tmp_path / "one_runner.txt"
    one_runner.write_text("num_batch_threads { value: 1 } max_batch_size { value: 1 }")
    server = serve(
        probe_path.parent, "--model_name=probe", "--enable_batching", f"--batching_parameters_file={one_runner}"
    )
    caller = Caller(server.address)
    blocking = caller.spin(LONG_S)
    time.sleep(0.2)

    codes = [call.code() for call in [caller.spin(0.0, timeout_s=0.1) for _ in range(10)]]
    blocking.result()

    assert codes == [grpc.StatusCode.DEADLINE_EXCEEDED] * 10
    assert caller.outputs(0)["spins"].tolist() == [1]  # the blocking one


def test_overload_is_refused_with_the_time_of_another_try(serve, probe_path):
    server = serve(probe_path.parent, "--model_name=probe", "--max_in_flight_bytes=100")
    caller = Caller(server.address)
    slow = caller.spin(LONG_S)
    time.sleep(LONG_S / 4)
    with pytest.raises(grpc.RpcError, match="--max_in_flight_bytes=100") as refused:
        caller.y(*range(50))

    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert int(dict(refused.value.trailing_metadata())["grpc-retry-pushback-ms"]) > 0
    assert slow.result()


def test_a_new_version_takes_over_without_a_failed_call(serve, base_path, write_probe):
    server = serve(base_path, "--model_name=probe", "--file_system_poll_wait_seconds=0.1")
    answers, stop = [], threading.Event()

    def keep_calling():
        caller = Caller(server.address)
        while not stop.is_set():
            answers.append(caller.y(0))

    threads = [threading.Thread(target=keep_calling) for _ in range(4)]
    for thread in threads:
        thread.start()
    write_probe(base_path / "2", offset=10.0)
    caller = Caller(server.address)
    caller.wait_for(1, "END")
    stop.set()
    for thread in threads:
        thread.join()

    assert {(tuple(y), version) for y, version in answers} == {((2.0,), 1), ((12.0,), 2)}
    assert caller.states() == {2: ("AVAILABLE", ""), 1: ("END", "")}


def test_a_call_in_flight_finishes_on_the_version_that_it_began_on(serve, base_path, write_probe):
    server = serve(base_path, "--model_name=probe", "--file_system_poll_wait_seconds=0.1")
    caller = Caller(server.address)
    slow = caller.spin(LONG_S)
    write_probe(base_path / "2")
    caller.wait_for(2, "AVAILABLE")

    assert slow.result().model_spec.version.value == 1
    caller.wait_for(1, "END")


def test_a_version_that_does_not_load_leaves_the_old_one_serving(serve, base_path):
    server = serve(base_path, "--model_name=probe", "--file_system_poll_wait_seconds=0.1", "--max_num_load_retries=0")
    caller = Caller(server.address)
    (base_path / "2").mkdir()
    (base_path / "2" / "saved_model.pb").write_bytes(b"no graph")
    caller.wait_for(2, "END")

    error = caller.states()[2][1]
    assert "saved_model.pb" in error
    assert caller.y(0) == ([2], 1)


def test_a_version_that_crashes_while_it_is_tried_leaves_the_old_one_serving(serve, base_path, write_probe):
    flags = ("--trial_load", "--file_system_poll_wait_seconds=0.1", "--max_num_load_retries=0")
    server = serve(base_path, "--model_name=probe", *flags)
    caller = Caller(server.address)
    write_probe(base_path / "2")
    os.kill(first_child(server.process.pid), signal.SIGSEGV)
    caller.wait_for(2, "END")

    assert "ended with SIGSEGV" in caller.states()[2][1]
    assert caller.y(0) == ([2], 1)


def first_child(pid, timeout_s=30):
    """The process that this one starts next, or has started."""
    deadline_s = time.monotonic() + timeout_s
    while not (pids := Path(f"/proc/{pid}/task/{pid}/children").read_text().split()):
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"process {pid} has started none")
        time.sleep(0.01)
    return int(pids[0])


def test_a_version_is_tried_again_until_it_loads(serve, base_path, write_probe, tmp_path):
    at_once = ("--file_system_poll_wait_seconds=0.1", "--load_retry_interval_micros=200000")
    server = serve(base_path, "--model_name=probe", *at_once)
    (base_path / "2").mkdir()  # a copy that has only begun
    server.wait_for_log("Trying version 2")
    shutil.copytree(write_probe(tmp_path / "elsewhere" / "2"), base_path / "2", dirs_exist_ok=True)

    Caller(server.address).wait_for(2, "AVAILABLE")


def test_a_version_that_is_replaced_under_its_number_is_loaded_again(serve, base_path, write_probe, tmp_path):
    flags = ("--file_system_poll_wait_seconds=0.1", "--max_num_load_retries=0")
    caller = Caller(serve(base_path, "--model_name=probe", *flags).address)
    (base_path / "1" / "saved_model.pb").write_bytes(b"no graph")
    caller.wait_for_error(1)
    assert caller.states()[1][0] == "AVAILABLE"
    assert caller.y(0) == ([2], 1)  # the old one, as the new one does not load

    new = write_probe(tmp_path / "elsewhere" / "1", offset=10.0)
    (base_path / "1").rename(tmp_path / "away")
    new.rename(base_path / "1")
    caller.wait_for_answer([12])

    assert caller.states() == {1: ("AVAILABLE", "")}


def test_the_old_version_goes_before_the_new_one_loads_where_that_is_asked_for(serve, base_path):
    flags = ("--file_system_poll_wait_seconds=0.1", "--max_num_load_retries=0", "--unload_before_load")
    caller = Caller(serve(base_path, "--model_name=probe", *flags).address)
    (base_path / "2").mkdir()
    (base_path / "2" / "saved_model.pb").write_bytes(b"no graph")  # were it loaded first, version 1 would stay
    caller.wait_for(2, "END")

    assert caller.states()[1] == ("END", "")


def test_a_base_path_that_vanishes_changes_nothing(serve, base_path):
    server = serve(base_path, "--model_name=probe", "--file_system_poll_wait_seconds=0.1")
    base_path.rename(base_path.with_name("away"))
    server.wait_for_log("Cannot read base path")

    assert Caller(server.address).y(0) == ([2], 1)


def test_a_version_whose_folder_is_removed_is_unloaded(serve, base_path):
    server = serve(base_path, "--model_name=probe", "--file_system_poll_wait_seconds=0.1")
    caller = Caller(server.address)
    shutil.rmtree(base_path / "1")
    caller.wait_for(1, "END")

    with pytest.raises(grpc.RpcError, match=r"Latest\(probe\)"):
        caller.y(0)


def test_sigterm_drains(serve, probe_path):
    server = serve(probe_path.parent, "--model_name=probe")
    caller = Caller(server.address)
    in_flight = caller.spin(LONG_S)
    time.sleep(0.5)

    server.process.send_signal(signal.SIGTERM)
    server.wait_for_log("Draining")
    health_while_draining = caller.healthy()
    with pytest.raises(grpc.RpcError) as refused:
        caller.y(0)

    assert not health_while_draining
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    assert "draining" in refused.value.details()
    assert 10 <= int(dict(refused.value.trailing_metadata())["grpc-retry-pushback-ms"]) <= 30
    assert in_flight.result().outputs["seconds"].double_val == [LONG_S]
    assert server.process.wait(timeout=30) == 0


def test_a_drain_ends_with_its_grace_period_and_says_what_it_cut_off(serve, probe_path):
    server = serve(probe_path.parent, "--model_name=probe", "--drain_seconds=0.2")
    in_flight = Caller(server.address).spin(WITHOUT_END_S)
    time.sleep(0.5)

    assert server.stop() == 1
    assert in_flight.code() is not grpc.StatusCode.OK
    assert "1 calls unanswered" in server.stderr_text()


def test_a_second_signal_ends_the_drain(serve, probe_path):
    server = serve(probe_path.parent, "--model_name=probe", f"--drain_seconds={WITHOUT_END_S}")
    in_flight = Caller(server.address).spin(WITHOUT_END_S)
    time.sleep(0.5)
    server.process.send_signal(signal.SIGTERM)
    server.wait_for_log("Draining")

    assert server.stop() == 1
    assert in_flight.code() is not grpc.StatusCode.OK
    assert "1 calls unanswered" in server.stderr_text()
    assert "Traceback" not in server.stderr_text()


def run(*flags):
    """The finished server that was started with these flags."""
    command = [sys.executable, "-m", "ace_server", "--host=127.0.0.1", *flags]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def complaint(finished):
    """What a server that did not start printed for its user, which is one line and no traceback."""
    lines = [line for line in finished.stderr.splitlines() if line.startswith("ace-server: ")]
    assert "Traceback" not in finished.stderr
    assert len(lines) == 1
    return lines[0]


def test_a_port_in_use_is_an_error_that_names_it(probe_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        finished = run(f"--port={port}", f"--model_base_path={probe_path.parent}")

    assert finished.returncode == 1
    assert f"127.0.0.1:{port}" in complaint(finished)


def test_a_base_path_without_numbered_folders_is_an_error(tmp_path):
    (tmp_path / "latest").mkdir()
    finished = run("--port=0", f"--model_base_path={tmp_path}")

    assert finished.returncode == 1
    assert "Did you forget to name your leaf directory as a number" in complaint(finished)


def test_a_base_path_that_is_not_there_is_an_error(tmp_path):
    finished = run("--port=0", f"--model_base_path={tmp_path / 'nowhere'}")

    assert finished.returncode == 1
    assert "nowhere" in complaint(finished)


def test_a_relative_base_path_is_an_error():
    finished = run("--port=0", "--model_base_path=models/detector")

    assert finished.returncode == 1
    assert "absolute path" in complaint(finished)


def test_a_model_that_does_not_load_is_an_error(tmp_path):
    (tmp_path / "1").mkdir()
    finished = run("--port=0", f"--model_base_path={tmp_path}", "--max_num_load_retries=0")

    assert finished.returncode == 1
    assert "version: 1} due to error: SavedModel file does not exist" in complaint(finished)
