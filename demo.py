"""The whole system on real files, by the commands of the README: `make demo`.

Draws faces, trains a detector, evaluates it, exports it, serves it, asks it about twelve files, and puts it under load
while a second version takes over. Everything it makes lies under runs/demo, which a new run makes anew. It ends each
process it began.
"""

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

RUNS = Path("runs/demo")
FACES, FIT, BASE_PATH, LOAD = RUNS / "faces", RUNS / "fit", RUNS / "models" / "detector", RUNS / "loadtest"
EVALUATION = RUNS / "evaluation"
SERVER_LOG = RUNS / "server.log"
SERVER_READY = "Running gRPC ModelServer at "
LOAD_S = 100  # an export and the load of a version, beside a load on both cores, take two thirds of it
USERS = 8


class DemoError(Exception):
    """A step did not do what it should; the message says which and what to look at."""


def main() -> int:
    """Run the steps in turn: 0 where all went well, 1 where one did not, 130 where interrupted."""
    signal.signal(signal.SIGTERM, interrupt)
    started_s = time.monotonic()
    shutil.rmtree(RUNS, ignore_errors=True)
    RUNS.mkdir(parents=True)
    try:
        _draw_faces()
        _train()
        _evaluate()
        _export(version=1)
        with _server() as address:
            _detect(address)
            _load_and_swap(address)
        print(f"\nDone in {time.monotonic() - started_s:.0f} s. The load test's report: {LOAD / 'report.html'}")
    except DemoError as error:
        print(f"\ndemo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ndemo: interrupted; every process that it started has been ended", file=sys.stderr)
        return 130
    return 0


def interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    """Ends the demo on SIGTERM as on Ctrl-C."""
    raise KeyboardInterrupt


def _draw_faces() -> None:
    _announce(1, "Draw faces: 2,800 JPEGs, half of them with a face swapped in, in the layout of FaceForensics++")
    run("ace_training", "faces", FACES)
    print(f"A look at 64 of them: {FACES / 'faces.png'}")


def _train() -> None:
    _announce(2, "Train: a narrow Xception from scratch, best epoch by validation AUC")
    run("ace_training", "fit", FACES, FIT, "--config", "demo")


def _evaluate() -> None:
    _announce(3, "Evaluate: figures with intervals by frame and by video, and from where on an image is called fake")
    page = run("ace_training", "evaluate", FIT / "detector.keras", FACES, "--out", EVALUATION, "--robustness", 40)
    print(f"All of it, with pictures: {page}")


def _export(version: int) -> None:
    if version == 1:
        _announce(4, "Export: a SavedModel that takes JPEG bytes, checked against OpenCV and Keras")
    published = run("ace_export", FIT / "detector.keras", BASE_PATH)
    print(f"Published {published}")


@contextmanager
def _server() -> Iterator[str]:
    """A server over what was exported; its address."""
    _announce(5, "Serve: ace_server, which speaks TensorFlow Serving's gRPC API")
    flags = ["--model_name=detector", f"--model_base_path={BASE_PATH.resolve()}", "--enable_batching"]
    with serving(SERVER_LOG, *flags) as address:
        print(f"Version 1 is served at {address}")
        yield address


def _detect(address: str) -> None:
    _announce(6, "Detect: twelve files that training has never seen")
    files = [file for truth in ("real", "fake") for file in sorted((FACES / "test" / truth).iterdir())[::25][:6]]
    verdicts = [json.loads(line) for line in run("ace_client", "--server", address, *files).splitlines()]
    print(f"{'file':48} prob_fake  label  truth")
    for file, verdict in zip(files, verdicts, strict=True):
        print(f"{file!s:48} {verdict['prob_fake']:9.4f}  {verdict['label']:5}  {file.parent.name}")


def _load_and_swap(address: str) -> None:
    _announce(7, f"Load: {USERS} callers for {LOAD_S} s, and in the middle of it a second version")
    load = ["ace_loadtest", address, "--users", USERS, "--seconds", LOAD_S, "--images", FACES / "test", "--out", LOAD]
    with process(*load, stdout=subprocess.DEVNULL) as running:
        _export(version=2)
        print(run("ace_rollout", "wait", address, "2"))
        if running.wait() != 0:
            raise DemoError("the load test failed; its message is above")
    report = json.loads((LOAD / "report.json").read_text())
    latency_ms = report["latency_ms"]
    print(f"{report['requests']} requests, {report['achieved_per_s']:.1f}/s; failed: {report['errors'] or 'none'}")
    print(f"Latency: p50 {latency_ms['p50']:.0f} ms, p99 {latency_ms['p99']:.0f} ms")
    print(f"Answers by version: {report['versions']}")
    if report["errors"]:
        raise DemoError(f"requests failed during the swap: {report['errors']}; the report is {LOAD / 'report.html'}")
    if set(report["versions"]) != {"1", "2"}:
        raise DemoError(f"both versions should have answered during the load, not {list(report['versions'])}")


def _announce(number: int, text: str) -> None:
    print(f"\n[{number}/7] {text}", flush=True)


def run(module: str, *arguments: object) -> str:
    """What a command prints to stdout; its progress goes to the terminal."""
    started_s = time.monotonic()
    with process(module, *arguments, stdout=subprocess.PIPE) as running:
        printed, _ = running.communicate()
    if running.returncode:
        raise DemoError(f"python -m {module} ended with status {running.returncode}; its message is above")
    print(f"python -m {module} took {time.monotonic() - started_s:.0f} s")
    return str(printed).strip()


@contextmanager
def serving(log_path: Path, *flags: str) -> Iterator[str]:
    """A server, drained when the block is left; its address."""
    command = ["ace_server", "--host=127.0.0.1", "--port=0", *flags]
    with log_path.open("w") as log, process(*command, stderr=log) as server:
        while SERVER_READY not in log_path.read_text():
            if server.poll() is not None:
                raise DemoError(f"the server did not start; its log is {log_path}")
            time.sleep(0.1)
        yield log_path.read_text().split(SERVER_READY)[1].split()[0]
        server.terminate()
        if server.wait() != 0:
            raise DemoError(f"the server did not drain; its log is {log_path}")
        print("The server drained and ended with status 0")


@contextmanager
def process(module: str, *arguments: object, **streams: Any) -> Iterator["subprocess.Popen[str]"]:
    """A command of ours as a process group of its own, which has ended when the block is left, however it is left."""
    command: Sequence[str] = [sys.executable, "-m", module, *map(str, arguments)]
    started = subprocess.Popen(command, text=True, start_new_session=True, **streams)  # noqa: S603 - our own commands
    try:
        yield started
    finally:
        if started.poll() is None:
            started.terminate()
            try:
                started.wait(timeout=30)
            except subprocess.TimeoutExpired:
                started.kill()
                started.wait()


if __name__ == "__main__":
    sys.exit(main())
