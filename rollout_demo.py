"""A good version promoted by itself and a bad one taken back by itself, under load: `make rollout-demo`.

Draws a few faces, trains a small detector, exports it twice (the second time with wrong preprocessing), serves the
first export, and rolls out it again and then the second one while calls arrive 20 times a second. Everything it makes
lies under runs/rollout-demo, which a new run makes anew. It ends each process it began.
"""

import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from demo import DemoError, interrupt, process, run, serving

from ace_client import AceError, Detector, Options

RUNS = Path("runs/rollout-demo")
FACES, FIT, EXPORTED, MODELS = (RUNS / name for name in ("faces", "fit", "exported", "models"))
SETTINGS, CONFIG, ROUTING, PAGE = (
    RUNS / name for name in ("rollout.toml", "models.config", "routing.json", "history.html")
)
RATE_PER_S = 20.0
STEADY_S = 20.0
TRIAL = ("--steps", "10,50,100", "--hold", "15s")


@dataclass(frozen=True)
class Call:
    """One call: when it was due, how long after that it had its answer, of which version, or how it failed."""

    due_s: float
    latency_s: float
    version: int | None = None
    error: str = ""


class Callers:
    """An open loop: calls are due RATE_PER_S times a second, whether those before them have been answered or not."""

    def __init__(self, address: str) -> None:
        self.calls: list[Call] = []
        self._images = [path.read_bytes() for path in sorted((FACES / "test").rglob("*.jpg"))]
        self._detector = Detector(address, options=Options(routing_file=ROUTING))
        self._pool = ThreadPoolExecutor(32)
        self._end = threading.Event()
        self._pace = threading.Thread(target=self._send)

    def __enter__(self) -> "Callers":
        self._pace.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._pace.join()
        self._pool.shutdown()
        self._detector.close()

    def _send(self) -> None:
        number, due_s = 0, time.perf_counter()
        while not self._end.wait(max(0.0, due_s - time.perf_counter())):
            self._pool.submit(self._call, number, due_s)
            number, due_s = number + 1, due_s + 1 / RATE_PER_S

    def _call(self, number: int, due_s: float) -> None:
        try:
            [verdict] = self._detector.detect(self._images[number % len(self._images)], key=str(number))
            found, error = verdict.version, verdict.error
        except AceError as failure:
            found, error = None, str(failure)
        self.calls.append(Call(due_s, time.perf_counter() - due_s, found, error))

    def p99_ms(self, *spans: tuple[float, float]) -> float:
        """Of the calls that were due in any of the spans."""
        found = sorted(call.latency_s for call in self.calls if any(a <= call.due_s < b for a, b in spans))
        return 1000 * found[-(-99 * len(found) // 100) - 1]


def main() -> int:
    """Run the steps in turn: 0 where all went well, 1 where something did not, 130 where interrupted."""
    signal.signal(signal.SIGTERM, interrupt)
    started_s = time.monotonic()
    shutil.rmtree(RUNS, ignore_errors=True)
    RUNS.mkdir(parents=True)
    try:
        _make_versions()
        with _served() as address:
            _roll_out(address)
        print(f"\nDone in {time.monotonic() - started_s:.0f} s. The drawn history: {PAGE}")
    except DemoError as error:
        print(f"\nrollout-demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nrollout-demo: interrupted; every process that it started has been ended", file=sys.stderr)
        return 130
    return 0


def _make_versions() -> None:
    _announce(1, "Draw 620 faces and train a small detector on them")
    run("ace_training", "faces", FACES, "--train", 480, "--val", 40, "--test", 100)
    run("ace_training", "fit", FACES, FIT, "--epochs", 8)  # fewer steps leave batch norms as they began
    _announce(2, "Export it twice; the second time as if pixels had been x/255, which they were not")
    for flags in ([], ["--scale", "unit"]):
        run("ace_export", FIT / "detector.keras", EXPORTED, *flags)


@contextmanager
def _served() -> Iterator[str]:
    _announce(3, "Serve version 1")
    folder = MODELS.resolve()
    entry = f'name: "detector" base_path: "{folder}" model_platform: "tensorflow"'
    CONFIG.write_text(f"model_config_list {{ config {{ {entry} }} }}\n")
    shutil.copytree(EXPORTED / "1", MODELS / "1")
    with serving(RUNS / "server.log", f"--model_config_file={CONFIG.resolve()}", "--enable_batching") as address:
        images = (FACES / "test").resolve()
        SETTINGS.write_text(f'servers = ["{address}"]\n[probes]\nimages = "{images}"\nper_s = 10\n')
        _rollout("promote", 1)
        yield address


def _roll_out(address: str) -> None:
    _announce(4, f"{RATE_PER_S:g} calls a second; {STEADY_S:g} s with nothing else, for comparison")
    with Callers(address) as callers:
        begin_s = time.perf_counter()
        time.sleep(STEADY_S)
        steady = begin_s, time.perf_counter()
        swaps = _trial(5, "A good candidate: version 2, which is version 1 once more", 1, ends_with=0)
        swaps += _trial(6, "A bad candidate: version 3, with wrong preprocessing", 2, ends_with=3)
    _say_how_calls_fared(callers, steady, swaps)
    _rollout("history", "--html", PAGE)


def _trial(step: int, title: str, exported: int, ends_with: int) -> list[tuple[float, float]]:
    """Publishes an export and puts it on trial; the spans in which the server swapped versions."""
    _announce(step, title)
    version = Path(_rollout("publish", EXPORTED / str(exported))).name
    flags = ["canary", version, *TRIAL, "--config", SETTINGS, "--why", title]
    moments = [time.perf_counter()]
    with process("ace_rollout", *flags, stderr=subprocess.PIPE) as trial:
        for line in trial.stderr or ():
            print(line, end="", flush=True)
            moments.append(time.perf_counter())
        if trial.wait() != ends_with:
            raise DemoError(f"ace-rollout canary {version} ended with status {trial.returncode}, not {ends_with}")
    moments.append(time.perf_counter())
    return [(moments[0], moments[1]), (moments[-2], moments[-1])]  # until it is loaded; from the last word to the end


def _say_how_calls_fared(callers: Callers, steady: tuple[float, float], swaps: list[tuple[float, float]]) -> None:
    failed = [call.error for call in callers.calls if call.error]
    versions = Counter(call.version for call in callers.calls)
    by_version = ", ".join(f"{count} by version {version}" for version, count in sorted(versions.items(), key=str))
    print(f"\n{len(callers.calls)} calls, {by_version}; failed: {len(failed)}")
    print(f"p99 while versions were swapped: {callers.p99_ms(*swaps):.0f} ms; before: {callers.p99_ms(steady):.0f} ms")
    if failed or versions[3]:
        raise DemoError(f"no call should fail, and version 3 should answer none: {failed[:1]}, {dict(versions)}")


def _announce(number: int, text: str) -> None:
    print(f"\n[{number}/6] {text}", flush=True)


def _rollout(command: str, *arguments: object) -> str:
    printed = run("ace_rollout", command, *arguments, "--config", SETTINGS)
    print(printed, flush=True)
    return printed


if __name__ == "__main__":
    sys.exit(main())
