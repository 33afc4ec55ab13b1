"""Several models, labels and reloads, asked of one real server."""

import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import httpx
import numpy as np
import pytest
from google.protobuf import text_format
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow_serving.apis import (
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)
from tensorflow_serving.config import model_server_config_pb2

from ace_server.tensors import to_array, to_proto


class Caller:
    """Asks models by version or label, and reloads."""

    def __init__(self, address):
        channel = grpc.insecure_channel(address)
        self._predictions = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        self._models = model_service_pb2_grpc.ModelServiceStub(channel)
        self._health = health_pb2_grpc.HealthStub(channel)

    def offset(self, model, **version):
        """What the model that answers adds to 2: it tells which version it is."""
        request = predict_pb2.PredictRequest()
        request.model_spec.name = model
        if "label" in version:
            request.model_spec.version_label = version["label"]
        if "version" in version:
            request.model_spec.version.value = version["version"]
        request.inputs["x"].CopyFrom(to_proto(np.zeros(1, np.float32)))
        return to_array(self._predictions.Predict(request, timeout=30).outputs["y"]).item() - 2

    def error(self, model, **version):
        with pytest.raises(grpc.RpcError) as caught:
            self.offset(model, **version)
        return caught.value.details()

    def reload(self, text):
        request = model_management_pb2.ReloadConfigRequest()
        request.config.CopyFrom(text_format.Parse(text, model_server_config_pb2.ModelServerConfig()))
        self._models.HandleReloadConfigRequest(request, timeout=60)

    def refused(self, text):
        with pytest.raises(grpc.RpcError) as caught:
            self.reload(text)
        return caught.value.code(), caught.value.details()

    def health(self, service):
        status = self._health.Check(health_pb2.HealthCheckRequest(service=service), timeout=30).status
        return health_pb2.HealthCheckResponse.ServingStatus.Name(status)

    def wait_for_offset(self, offset, model, timeout_s=60, **version):
        deadline_s = time.monotonic() + timeout_s
        while self.offset(model, **version) != offset:
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"{model} {version} still answers otherwise than {offset}")
            time.sleep(0.05)


def entry(folder, name, rest=""):
    return f'config {{ name: "{name}" base_path: "{folder / name}" model_platform: "tensorflow" {rest} }}'


def config(*entries):
    return "model_config_list { " + "\n".join(entries) + " }\n"


ALL = "model_version_policy { all {} }"
LABELS = 'version_labels { key: "stable" value: 1 } version_labels { key: "canary" value: 2 }'


@pytest.fixture(scope="module")
def folder(tmp_path_factory, write_probe):
    """Models a (versions 1, 2, 3 add 10, 20, 30) and b (version 1 adds 100)."""
    folder = tmp_path_factory.mktemp("models")
    for version in (1, 2, 3):
        write_probe(folder / "a" / str(version), offset=10.0 * version)
    write_probe(folder / "b" / "1", offset=100.0)
    (folder / "broken" / "1").mkdir(parents=True)
    return folder


@pytest.fixture(scope="module")
def server(serve, folder):
    (folder / "models.config").write_text(config(entry(folder, "a", f"{ALL} {LABELS}")))
    flags = ("--model_config_file_poll_wait_seconds=0.1", "--max_num_load_retries=0", "--rest_api_port=-1")
    return serve(None, f"--model_config_file={folder / 'models.config'}", *flags)


@pytest.fixture
def caller(server, folder):
    """A caller of the server in its first state."""
    caller = Caller(server.address)
    caller.reload(config(entry(folder, "a", f"{ALL} {LABELS}")))
    return caller


def test_labels_in_the_file_hold_from_the_start(serve, folder):
    (folder / "start.config").write_text(config(entry(folder, "a", f"{ALL} {LABELS}")))

    caller = Caller(serve(None, f"--model_config_file={folder / 'start.config'}").address)

    assert [caller.offset("a", label=label) for label in ("stable", "canary")] == [10, 20]


def test_the_highest_version_answers_where_none_is_named(caller):
    assert caller.offset("a") == 30
    assert caller.offset("a", version=2) == 20


def test_a_reload_moves_labels_and_versions_together(caller, folder):
    caller.reload(config(entry(folder, "a", f'{ALL} version_labels {{ key: "stable" value: 3 }}')))

    assert caller.offset("a", label="stable") == 30
    assert caller.error("a", label="canary") == "Unrecognized servable version label: canary"


def test_a_reload_adds_models_and_takes_others_away(caller, folder):
    caller.reload(config(entry(folder, "b")))

    assert caller.offset("b") == 100
    assert caller.health("b") == "SERVING"
    caller.reload(config(entry(folder, "a")))
    assert caller.error("b") == "Servable not found for request: Latest(b)"
    assert caller.health("b") == "SERVICE_UNKNOWN"


def test_a_reload_to_another_base_path_serves_what_lies_there_under_the_same_number(caller, folder):
    shutil.copytree(folder / "a" / "2", folder / "moved" / "1")
    moved = entry(folder, "b").replace(f'"{folder / "b"}"', f'"{folder / "moved"}"')
    caller.reload(config(entry(folder, "a"), entry(folder, "b")))
    caller.reload(config(entry(folder, "a"), moved))

    assert caller.offset("b") == 20
    code, details = caller.refused(config(entry(folder, "a"), moved.replace("moved", "broken")))
    assert (code, "broken/1" in details) == (grpc.StatusCode.UNKNOWN, True)
    assert caller.offset("b") == 20


def test_a_server_stays_ready_while_a_reload_adds_a_model(caller, server, folder, with_warm_up):
    shutil.copytree(folder / "b" / "1", folder / "slow" / "1")
    with_warm_up(folder / "slow" / "1", 1.0)
    with ThreadPoolExecutor() as threads, httpx.Client(base_url=server.rest_url) as client:
        reload = threads.submit(caller.reload, config(entry(folder, "a"), entry(folder, "slow")))
        while client.get("/v1/models/slow").status_code == 404:
            time.sleep(0.01)
        statuses = {client.get("/readyz").status_code, client.get("/readyz").status_code}
        under_way = not reload.done()
        reload.result()

        assert (under_way, statuses) == (True, {200})
        assert client.get("/readyz").json()["models"] == {"a": True, "slow": True}


def test_a_policy_names_versions(caller, folder):
    caller.reload(config(entry(folder, "a", "model_version_policy { specific { versions: 1 versions: 2 } }")))

    assert caller.offset("a") == 20
    caller.reload(config(entry(folder, "a", "model_version_policy { latest { num_versions: 2 } }")))
    assert caller.offset("a", version=2) == 20
    assert caller.offset("a") == 30


def test_a_label_for_a_version_that_is_not_served_is_refused_and_nothing_has_changed(caller, folder):
    code, details = caller.refused(config(entry(folder, "a", 'version_labels { key: "stable" value: 9 }')))

    assert code is grpc.StatusCode.FAILED_PRECONDITION
    assert details == (
        "Request to assign label to version 9 of model a, which is not currently available for inference"
    )
    assert [caller.offset("a", label=label) for label in ("stable", "canary")] == [10, 20]


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ('config { name: "new" base_path: "FOLDER/nowhere" model_platform: "tensorflow" }', "Could not find base path"),
        ('config { name: "new" base_path: "/nowhere" }', "Illegal setting neither"),
        ('config { name: "new" base_path: "relative" model_platform: "tensorflow" }', "absolute path"),
    ],
)
def test_a_refused_reload_leaves_every_model_and_label(wrong, complaint, caller, folder):
    code, details = caller.refused(config(entry(folder, "b"), wrong.replace("FOLDER", str(folder))))

    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert complaint in details
    assert [caller.offset("a", label=label) for label in ("stable", "canary")] == [10, 20]
    assert caller.error("b") == "Servable not found for request: Latest(b)"


@pytest.fixture(scope="module")
def elsewhere(folder, write_probe):
    """A model outside the folder of the served ones, and a link to it inside."""
    elsewhere = folder.with_name(f"{folder.name}-not")
    write_probe(elsewhere / "b" / "1")
    (folder / "link").symlink_to(elsewhere / "b")
    return elsewhere


@pytest.mark.parametrize("path", ["ELSEWHERE/b", "FOLDER/../NOT/b", "FOLDER/link", "/", "/definitely/not/there"])
def test_a_reload_from_outside_the_folders_of_the_first_models_is_refused(path, caller, folder, elsewhere):
    path = path.replace("ELSEWHERE", str(elsewhere)).replace("FOLDER", str(folder)).replace("NOT", elsewhere.name)
    outside = f'config {{ name: "b" base_path: "{path}" model_platform: "tensorflow" }}'

    code, details = caller.refused(config(entry(folder, "a"), outside))

    assert code is grpc.StatusCode.PERMISSION_DENIED
    assert details.startswith(f"Model b cannot be loaded from {path}, which is outside")
    assert [caller.offset("a", label=label) for label in ("stable", "canary")] == [10, 20]


def test_a_changed_config_file_is_applied(caller, server, folder):
    (folder / "models.config").write_text(
        config(entry(folder, "a", f'{ALL} version_labels {{ key: "stable" value: 2 }}'))
    )

    caller.wait_for_offset(20, "a", label="stable")


def test_a_config_file_that_is_wrong_is_logged_with_its_line_and_changes_nothing(caller, server, folder):
    (folder / "models.config").write_text("model_config_list {\n  config { nam: 'a' }\n}\n")

    server.wait_for_log(
        "models.config:2:12: no usable ModelServerConfig: "
        'Message type "tensorflow.serving.ModelConfig" has no field named "nam"'
    )
    assert [caller.offset("a", label=label) for label in ("stable", "canary")] == [10, 20]


def test_a_config_file_that_takes_for_ever_to_read_holds_up_no_request(caller, folder):
    path, pipe, again = (folder / name for name in ("models.config", "pipe", "again"))
    os.mkfifo(pipe)
    pipe.replace(path)
    with path.open("w"):  # waits until the server reads it, which then waits for what is never written
        assert caller.offset("a") == 30
        again.write_text(config(entry(folder, "a", f'{ALL} version_labels {{ key: "stable" value: 3 }}')))
        again.replace(path)

    caller.wait_for_offset(30, "a", label="stable")
