"""How near `ace_server` comes to the same version called in its process: full load, one caller, arrivals at random.

    python serving/benchmarks/detector.py runs/models/detector/1

Takes about nine minutes. The server is started with its defaults, in a process of its own, like everything that it is
held against; they take turns, round after round. The arrivals are those of a Poisson process at 64 % of what the best
layout in process answers, and are held against a perfect queue: first come, first served, one run at a time, each as
long as a call of the lone caller in process, which is their median and so spared what other work costs now and then.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from overhead import spread

from ace_export.tuning.candidates import UNBATCHED
from ace_export.tuning.load import Caller, Load
from ace_export.tuning.machine import processor_name
from ace_export.tuning.records import read_records
from ace_export.tuning.server import Server

LOAD = 0.64  # of capacity: 5.8 a second where it is 9
CALLERS = 8
LAYOUTS = {"one run on all processors": (1, 0, 1), "two runs on all": (1, 0, 2), "one-thread sessions": (2, 1, 2)}
SEED = 7  # of ace_export.tuning.load's arrivals


class InProcess:
    """`in_process.py`, started. A context that ends it."""

    def __init__(self, version: Path, sessions: int, threads: int) -> None:
        script = Path(__file__).with_name("in_process.py")
        command = [sys.executable, str(script), str(version), f"--sessions={sessions}", f"--threads={threads}"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603

    def measure(self, callers: int, seconds: float) -> dict[str, Any]:
        """What `in_process.py` answers."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the process has no pipes")
        print(json.dumps({"callers": callers, "seconds": seconds}), file=self._process.stdin, flush=True)
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def __enter__(self) -> "InProcess":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()


@dataclass
class Rounds:
    """What was measured, a value a round."""

    per_s: dict[str, list[float]] = field(default_factory=dict)
    cpu_ms: dict[str, list[float]] = field(default_factory=dict)  # an image
    alone_ms: dict[str, list[float]] = field(default_factory=dict)  # p50 of one caller
    arrivals_ms: list[list[float]] = field(default_factory=list)
    rate_per_s: float = 0.0

    def add(self, table: dict[str, list[float]], name: str, value: float) -> None:
        """One round more of one way."""
        table.setdefault(name, []).append(value)


def main() -> int:
    """Print the tables; the exit status says nothing of the goals."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("version", type=Path)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument(
        "--seconds", type=float, default=10.0, help="of each measurement; arrivals come for six times that"
    )
    options = parser.parse_args()
    images = read_records(options.version).images
    load = Load(images, CALLERS, options.seconds)
    rounds = Rounds()
    with tempfile.TemporaryDirectory() as folder:
        began_s = time.perf_counter()
        server = Server(options.version, UNBATCHED, Path(folder))
        start_s, memory_mb = time.perf_counter() - began_s, server.memory_bytes() / 1e6
        print(f"the server started in {start_s:.1f} s, and holds {memory_mb:.0f} MB")
        try:
            with InProcess(options.version, 1, 0) as wide, InProcess(options.version, 2, 1) as narrow:
                workers = {layout: narrow if layout[0] > 1 else wide for layout in LAYOUTS.values()}
                for number in range(options.rounds):
                    print(f"round {number + 1} of {options.rounds}", file=sys.stderr, flush=True)
                    _in_process(workers, options.seconds, rounds)
                    asyncio.run(_served(server, load, rounds))
        finally:
            server.stop()
    report(rounds)
    return 0


def _in_process(workers: dict[tuple[int, int, int], InProcess], seconds: float, rounds: Rounds) -> None:
    for name, layout in LAYOUTS.items():
        answer = workers[layout].measure(layout[2], seconds)
        rounds.add(rounds.per_s, name, answer["images"] / answer["wall_s"])
        rounds.add(rounds.cpu_ms, name, 1000 * answer["cpu_s"] / answer["images"])
        if layout[2] == 1:
            rounds.add(rounds.alone_ms, "in process", statistics.median(answer["call_ms"]))


async def _served(server: Server, load: Load, rounds: Rounds) -> None:
    rounds.rate_per_s = rounds.rate_per_s or LOAD * max(values[0] for values in rounds.per_s.values())
    async with Caller(server.address, load) as caller:
        await caller.check()
        full = await caller.saturate(server.cpu_s)
        rounds.add(rounds.per_s, "ace_server", full.images_per_s)
        rounds.add(rounds.cpu_ms, "ace_server", full.cpu_ms_an_image or float("nan"))
    async with Caller(server.address, Load(load.images, 1, load.seconds)) as caller:
        alone = await caller.saturate(server.cpu_s)
        rounds.add(rounds.alone_ms, "ace_server", statistics.median(answer.latency_ms for answer in alone.answers))
    async with Caller(server.address, Load(load.images, 1, 6 * load.seconds)) as caller:
        rounds.arrivals_ms.append([answer.latency_ms for answer in await caller.offer(rounds.rate_per_s)])


def perfect_queue_ms(service_ms: float, rate_per_s: float, count: int) -> list[float]:
    """Response times of one run at a time, first come, first served; arrivals are those of `Caller.offer`."""
    free_ms, response_ms = 0.0, []
    for moment_ms in 1000 * np.cumsum(np.random.default_rng(SEED).exponential(1 / rate_per_s, count)):
        free_ms = max(free_ms, moment_ms) + service_ms
        response_ms.append(free_ms - moment_ms)
    return response_ms


def report(rounds: Rounds) -> None:
    """Print medians, spreads and ratios."""
    print(f"\n{processor_name()}, {len(rounds.arrivals_ms)} rounds, median [smallest-largest]\n")
    best = max(
        (name for name in rounds.per_s if name != "ace_server"), key=lambda name: statistics.median(rounds.per_s[name])
    )
    print(f"| full load | images/s | of {best} | CPU-ms an image |\n|---|---|---|---|")
    for name, values in rounds.per_s.items():
        ratios = [mine / theirs for mine, theirs in zip(values, rounds.per_s[best], strict=True)]
        print(f"| {name} | {spread(values)} | {spread(ratios)} | {spread(rounds.cpu_ms[name], '.0f')} |")
    print("\n| one caller | p50, ms |\n|---|---|")
    for name, values in rounds.alone_ms.items():
        print(f"| {name} | {spread(values, '.0f')} |")
    pairs = zip(rounds.alone_ms["ace_server"], rounds.alone_ms["in process"], strict=True)
    print(f"| difference | {spread([mine - theirs for mine, theirs in pairs], '.1f')} |")
    measured = np.concatenate(rounds.arrivals_ms)
    service_ms = statistics.median(rounds.alone_ms["in process"])
    perfect = perfect_queue_ms(service_ms, rounds.rate_per_s, len(rounds.arrivals_ms[0]))
    mine_ms, perfect_ms = (np.percentile(answers, (50, 99)) for answers in (measured, perfect))
    print(f"\n| {rounds.rate_per_s:.1f} arrivals a second, {len(measured)} calls | p50, ms | p99, ms |\n|---|---|---|")
    print("| ace_server | {:.0f} | {:.0f} |".format(*mine_ms))
    print("| perfect queue | {:.0f} | {:.0f} |".format(*perfect_ms))
    print("| ratio | {:.2f} | {:.2f} |".format(*(mine_ms / perfect_ms)))


if __name__ == "__main__":
    sys.exit(main())
