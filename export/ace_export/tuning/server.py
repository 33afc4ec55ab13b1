"""An `ace_server` in a process of its own, started one way or another."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from ace_client import contract
from ace_export.errors import TuneError

from . import bound
from .candidates import Candidate
from .config_files import BATCHING, ONEDNN, SESSION, batching_parameters, flags, session_config

_SERVING = re.compile(r"Running gRPC ModelServer at (\S+) \.\.\.")
_MISSING = re.compile(r"ModuleNotFoundError: No module named '([\w.]+)'")
_START_TIMEOUT_S = 600.0
_POLL_S = 0.05


class Server:
    """A running server of one version on a free port of 127.0.0.1, its files in a folder of its own.

    It is in a session of its own: what ends the tuning, Ctrl-C too, ends the server by way of `stop`, and a SIGKILL by
    way of the kernel (`bound`).
    """

    def __init__(self, version: Path, candidate: Candidate, folder: Path) -> None:
        """Start it and return once it serves.

        Raises:
            TuneError: it does not start; the message has the reason that it gave.
        """
        self._log = folder / "server.log"
        command = [sys.executable, "-m", bound.__name__, str(os.getpid()), "ace_server"]
        command += _flags(version, candidate, folder)
        with self._log.open("w") as log:
            self._process = subprocess.Popen(  # noqa: S603 - this Python, and paths of our own
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=_environment(candidate),
                start_new_session=True,
            )
        try:
            self.address = self._wait_until_serving(candidate)
        except BaseException:
            self.stop()
            raise

    def cpu_s(self) -> float | None:
        """Seconds of processor time that it has taken so far; None where the system does not say."""
        try:
            fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        user, system = fields[11:13]  # the 14th and 15th of proc_pid_stat(5)
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def memory_bytes(self) -> int:
        """What it holds of the machine's memory; 0 where the system does not say."""
        try:
            resident = Path(f"/proc/{self._process.pid}/statm").read_text().split()[1]
        except OSError:
            return 0
        return int(resident) * os.sysconf("SC_PAGE_SIZE")

    def stop(self) -> None:
        """End the process at once: it has nothing to finish, and a run under way would keep it for seconds."""
        self._process.kill()
        self._process.wait()

    def _wait_until_serving(self, candidate: Candidate) -> str:
        deadline_s = time.monotonic() + _START_TIMEOUT_S
        while time.monotonic() < deadline_s:
            ended = self._process.poll() is not None  # asked first: what it logs last is read below
            log = self._log.read_text(errors="replace")
            if found := _SERVING.search(log):
                return found[1]
            if ended:
                raise TuneError(f"The server did not start ({candidate.name}): {_reason(log)}")
            time.sleep(_POLL_S)
        raise TuneError(f"The server did not start in {_START_TIMEOUT_S:.0f} s ({candidate.name}).")


def _flags(version: Path, candidate: Candidate, folder: Path) -> Sequence[str]:
    models = folder / "models.config"
    models.write_text(_model_config(version), encoding="utf-8")
    given = ["--host=127.0.0.1", "--port=0", f"--model_config_file={models}"]
    given += ["--file_system_poll_wait_seconds=0", "--max_num_load_retries=0"]
    given += ["--enable_model_warmup=false"]  # the records are of all signatures, and one is measured
    if candidate.setting:
        (folder / BATCHING).write_text(batching_parameters(candidate.setting), encoding="utf-8")
        (folder / SESSION).write_text(session_config(candidate.setting), encoding="utf-8")
    return [*given, *flags(candidate, folder)]


def _model_config(version: Path) -> str:
    """The version alone, whatever others its repository has."""
    message = model_server_config_pb2.ModelServerConfig()
    model = message.model_config_list.config.add()
    model.name, model.model_platform = contract.MODEL_NAME, "tensorflow"
    model.base_path = str(version.resolve().parent)
    model.model_version_policy.specific.versions.append(int(version.resolve().name))
    return text_format.MessageToString(message)


def _environment(candidate: Candidate) -> dict[str, str]:
    environment = {name: value for name, value in os.environ.items() if name not in (ONEDNN, "TF_CPP_MIN_LOG_LEVEL")}
    return environment if candidate.onednn is None else environment | {ONEDNN: str(int(candidate.onednn))}


def _reason(log: str) -> str:
    """The line of its log in which a server that has ended says why."""
    if missing := _MISSING.search(log):
        return f"the module {missing[1]} is missing. Install what the server needs: pip install 'ace-detector[server]'"
    lines = [line for line in log.splitlines() if line.strip()]
    own = [line.removeprefix("ace-server: ") for line in lines if line.startswith("ace-server: ")]
    return (own or lines or ["it said nothing"])[-1]
