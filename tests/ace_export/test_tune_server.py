import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from tensorflow_serving.apis import get_model_status_pb2, model_service_pb2_grpc

from ace_export.errors import TuneError
from ace_export.tuning.candidates import UNBATCHED, Candidate, Setting
from ace_export.tuning.server import Server


def is_running(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2][:3]


def versions_served(address: str) -> list[int]:
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "detector"
    with grpc.insecure_channel(address) as channel:
        status = model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus(request)
    return [one.version for one in status.model_version_status]


def words_of(server: Server, kind: str) -> list[str]:
    return Path(f"/proc/{server._process.pid}/{kind}").read_text().split("\0")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="module")
def server(version: Path, folder: Path) -> Iterator[Server]:
    """One of version 2 of three, with a setting."""
    for number in (1, 2, 3):
        shutil.copytree(version, folder / "my models" / str(number))
    server = Server(folder / "my models" / "2", Candidate(Setting(2, 1, 2, (1, 4)), onednn=False), folder)
    yield server
    server.stop()


def test_the_version_asked_for_is_served_whatever_others_there_are(server):
    assert versions_served(server.address) == [2]
    assert server.cpu_s() > 0


def test_a_candidate_is_what_the_server_is_started_with(server, folder):
    command = words_of(server, "cmdline")

    assert {"--enable_batching", "--tensorflow_intra_op_parallelism=1", "--tensorflow_inter_op_parallelism=2"} <= {
        *command
    }
    assert f"--batching_parameters_file={folder}/batching_parameters.txt" in command
    assert f"--tensorflow_session_config_file={folder}/session_config.txt" in command
    assert "--enable_model_warmup=false" in command
    assert "TF_ENABLE_ONEDNN_OPTS=0" in words_of(server, "environ")
    assert "max_batch_size { value: 4 }" in (folder / "batching_parameters.txt").read_text()


def test_a_default_is_started_with_nothing_but_batching_and_ended_at_once(version, tmp_path, monkeypatch):
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    server = Server(version, UNBATCHED, tmp_path)

    try:
        command, environment = (" ".join(words_of(server, kind)) for kind in ("cmdline", "environ"))
    finally:
        server.stop()
    assert "batching" not in command
    assert "parallelism" not in command
    assert "TF_ENABLE_ONEDNN_OPTS" not in environment
    assert not is_running(server._process.pid)


def test_a_version_that_does_not_load_is_told_with_the_servers_reason(version, tmp_path):
    broken = Path(shutil.copytree(version, tmp_path / "models" / "1"))
    (broken / "saved_model.pb").write_bytes(b"broken")

    with pytest.raises(TuneError, match=r"did not start \(default: no batching\): .*did not become available"):
        Server(broken, UNBATCHED, tmp_path)


def test_what_the_server_lacks_is_told_with_the_command_that_installs_it(version, tmp_path, monkeypatch):
    (tmp_path / "starlette.py").write_text("raise ModuleNotFoundError(\"No module named 'starlette'\")")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")

    with pytest.raises(TuneError, match=r"module starlette is missing.*pip install 'ace-detector\[server\]'"):
        Server(version, UNBATCHED, tmp_path)
