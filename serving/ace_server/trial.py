"""A version loaded and warmed in a child process first: one that crashes, hangs or takes all memory does so there.

`python -m ace_server.trial` is that child: what to load comes in as JSON, the reason why it does not load goes out.
"""

import asyncio
import ctypes
import json
import os
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc

from .errors import CallError, ModelError

_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}
_PR_SET_PDEATHSIG: Final = 1  # prctl(2)


@dataclass(frozen=True)
class Trial:
    """How versions are tried."""

    tags: tuple[str, ...]
    config: bytes  # a serialized ConfigProto
    warmup_iterations: int  # of each record; 0 runs none
    timeout_s: float

    async def run(self, path: Path) -> None:
        """Return once the version has loaded and run its warm-up records in a process that has ended by then.

        Raises:
            ModelError: it has not: TensorFlow's reason, or how the process ended, or that it took too long.
        """
        child = await _started(path)
        try:
            output, _ = await asyncio.wait_for(child.communicate(self._request(path)), self.timeout_s)
        except asyncio.TimeoutError as error:
            raise ModelError(
                grpc.StatusCode.DEADLINE_EXCEEDED,
                f"{path} did not load and warm up within --trial_timeout_seconds={self.timeout_s:g}.",
            ) from error
        finally:
            if child.returncode is None:
                with suppress(ProcessLookupError):
                    child.kill()
                await child.wait()
        _raise_failure(path, child.returncode, output)

    def _request(self, path: Path) -> bytes:
        request = {
            "server": os.getpid(),
            "path": str(path),
            "tags": self.tags,
            "config": self.config.hex(),
            "warmup_iterations": self.warmup_iterations,
        }
        return json.dumps(request).encode()


async def _started(path: Path) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    try:
        return await asyncio.create_subprocess_exec(sys.executable, "-m", "ace_server.trial", stdin=pipe, stdout=pipe)
    except OSError as error:  # no file descriptor is left, or no process, or no memory
        raise ModelError(
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            f"{path} was not loaded, as no process could be started to try it in: {error.strerror}.",
        ) from error


def _raise_failure(path: Path, status: int | None, output: bytes) -> None:
    if status == 0:
        return
    if status == 1:
        with suppress(LookupError, TypeError, ValueError):  # where the last line is no reason: another one printed it
            failure = json.loads(output.splitlines()[-1])
            raise ModelError(_CODES[failure["code"]], failure["message"])
    end = f"exit status {status}" if status is None or status >= 0 else signal.Signals(-status).name
    hint = ", as when memory runs out" if end == "SIGKILL" else ""
    raise ModelError(
        grpc.StatusCode.ABORTED,
        f"{path} was loaded in a process of its own for a trial, which ended with {end}{hint}. "
        "The server itself has not touched it.",
    )


def main() -> int:
    """Load and warm the version that standard input names: 0 where it did, 1 with the reason on standard output."""
    _end_before_the_server()
    request = json.load(sys.stdin)
    if os.getppid() != request["server"]:  # it went before we asked to go with it
        return 1
    try:
        _load_and_warm(request)
    except CallError as error:
        print(json.dumps({"code": error.code.value[0], "message": str(error)}), flush=True)
        return 1
    return 0


def _end_before_the_server() -> None:
    """Be what the system ends first where memory runs out, and go when the server goes. Linux alone can be told so.

    Its share of the processors is that of any process: one that yielded them would never end beside a busy server.
    """
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _load_and_warm(request: dict[str, Any]) -> None:
    from tensorflow.core.protobuf import config_pb2  # with TensorFlow: seconds, which the server need not spend on us

    from .servable import Servable, SessionSettings
    from .warmup import warm_up

    config = config_pb2.ConfigProto.FromString(bytes.fromhex(request["config"]))
    settings = SessionSettings(tuple(request["tags"]), config)
    servable = Servable(Path(request["path"]), name="trial", version=0, settings=settings)
    if request["warmup_iterations"]:
        warm_up(servable, request["warmup_iterations"])


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)  # the server waits for the status, not for TensorFlow to take itself apart
