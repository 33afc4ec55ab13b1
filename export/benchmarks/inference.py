"""What an image costs the network: Keras as people call it, a plain SavedModel, the export, and ONNX Runtime.

    make bench-inference

All are given the same decoded pixels and the same number of threads, each in a process of its own. They take turns,
round after round, so that whatever else the machine does falls on all of them; the tables give medians over the rounds.
"""

import argparse
import functools
import multiprocessing
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Any

import candidates
import numpy as np
from candidates import Array, Candidate, Cost, Worker

REFERENCE = "ONNX Runtime"
SINGLE_IMAGES = 2  # a round

Costs = dict[str, list[Cost]]  # by the candidate's name: of each round


def main() -> int:
    """Prints the tables, and with --profile the time by operation of the export."""
    arguments = _parser().parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _tell("writing the model as .keras, SavedModel, export and ONNX")
        size, parameters = _alone(candidates.prepare, arguments.model, folder)
        pixels = np.random.default_rng(0).integers(0, 256, (arguments.batch, size, size, 3)).astype(np.uint8)
        compared = [*_candidates(folder), *map(_version, arguments.version)]
        _print_setting(f"{parameters:,} parameters at {size}×{size}", arguments)
        _compare(compared, pixels, arguments)
        if arguments.profile:
            _print_profile(_alone(candidates.profile, folder / candidates.EXPORTED, pixels[:1]))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = functools.partial(parser.add_argument, metavar="N", type=int)
    add("model", type=Path, nargs="?", metavar="MODEL", help="a .keras file; default: Xception of random weights")
    add("--version", type=Path, action="append", default=[], metavar="FOLDER", help="an exported version to compare")
    add("--batch", default=8, help="images at a time; default: %(default)s")
    add("--rounds", default=5, help="default: %(default)s")
    add("--threads", default=1, help="of each candidate; default: %(default)s")
    parser.add_argument("--profile", action="store_true", help="print the export's time by operation, too")
    return parser


def _candidates(folder: Path) -> list[Candidate]:
    return [
        Candidate("Keras `predict`", candidates.load_keras, folder / candidates.MODEL, batches=False),
        Candidate("plain SavedModel", candidates.load_saved_model, folder / candidates.PLAIN),
        Candidate("export", candidates.load_saved_model, folder / candidates.EXPORTED),
        Candidate("export, oneDNN on", candidates.load_saved_model, folder / candidates.EXPORTED, onednn=True),
        Candidate(REFERENCE, candidates.load_onnx, folder / candidates.ONNX),
    ]


def _version(folder: Path) -> Candidate:
    return Candidate(f"{folder}, oneDNN on", candidates.load_saved_model, folder, onednn=True)


def _compare(compared: Sequence[Candidate], pixels: Array, arguments: argparse.Namespace) -> None:
    """Prints what the candidates cost one image at a time and in batches, and how far apart their answers are."""
    tables: dict[int, Costs] = {batch: {} for batch in (1, arguments.batch)}
    answers = {}
    with ExitStack() as stack:
        processes = {}
        for candidate in compared:
            _tell(f"loading {candidate.name}")
            process = stack.enter_context(_process(Worker.start, candidate, arguments.threads))
            for batch in _batches(candidate, arguments.batch):
                answers[candidate.name] = process.submit(Worker.answers, pixels[:batch]).result()
            processes[candidate] = process
        for number in range(arguments.rounds):
            for candidate, process in processes.items():
                _tell(f"round {number + 1} of {arguments.rounds}: {candidate.name}")
                for batch in _batches(candidate, arguments.batch):
                    images = pixels[: SINGLE_IMAGES if batch == 1 else batch]
                    cost = process.submit(Worker.cost, images, batch).result()
                    tables[batch].setdefault(candidate.name, []).append(cost)
    for batch, costs in tables.items():
        _print_costs(costs, "one image at a time" if batch == 1 else f"{batch} images at a time")
    _print_answers(answers)


def _batches(candidate: Candidate, batch: int) -> list[int]:
    return sorted({1, batch}) if candidate.batches else [1]


def _alone(work: Callable[..., Any], *arguments: Any) -> Any:
    """What a function returns in a process of its own."""
    with _process() as process:
        return process.submit(work, *arguments).result()


def _process(start: Callable[..., None] | None = None, *arguments: Any) -> ProcessPoolExecutor:
    spawn = multiprocessing.get_context("spawn")  # a forked process would share the threads' locks
    return ProcessPoolExecutor(1, mp_context=spawn, initializer=start, initargs=arguments)


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _print_setting(network: str, arguments: argparse.Namespace) -> None:
    packages = ", ".join(f"{name} {version(name)}" for name in ("tensorflow", "keras", "onnxruntime", "tf2onnx"))
    print(
        f"{network}; {arguments.threads} thread(s) each, {arguments.rounds} rounds, median [smallest-largest]\n"
        f"{_processor()}, {os.cpu_count()} cores, Python {platform.python_version()}, {packages}"
    )


def _processor() -> str:
    """Its name, and the widest vectors it multiplies."""
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.exists():
        return platform.processor() or platform.machine()
    fields = dict(line.split(":", 1) for line in cpuinfo.read_text().split("\n\n")[0].splitlines() if ":" in line)
    fields = {name.strip(): value.strip() for name, value in fields.items()}
    flags = fields.get("flags", "").split()
    return " ".join(
        [
            fields.get("model name", platform.machine()),
            *(flag for flag in ("fma", "avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16") if flag in flags),
        ]
    )


def _print_costs(costs: Costs, title: str) -> None:
    """A Markdown table; the ratios are those of one round, for what slows a round down slows all of it."""
    print(f"\n| {title} | CPU-ms an image | of {REFERENCE} | images/s |\n|---|---|---|---|")
    for name, rounds in costs.items():
        cpu_ms = [cost.cpu_ms for cost in rounds]
        ratios = [cost.cpu_ms / other.cpu_ms for cost, other in zip(rounds, costs[REFERENCE], strict=True)]
        rates = [1000 / cost.wall_ms for cost in rounds]
        print(f"| {name} | {_spread(cpu_ms, 0)} | {_spread(ratios, 2)} | {_spread(rates, 2)} |")


def _spread(values: list[float], digits: int) -> str:
    return f"{statistics.median(values):.{digits}f} [{min(values):.{digits}f}-{max(values):.{digits}f}]"


def _print_answers(answers: dict[str, Array]) -> None:
    print(f"\nLargest difference in prob_fake from {REFERENCE}:")
    for name, values in answers.items():
        print(f"  {np.abs(values - answers[REFERENCE][: len(values)]).max():.1e}  {name}")


def _print_profile(operations: dict[str, tuple[int, float]]) -> None:
    total = sum(ms for _, ms in operations.values())
    print(f"\n| operation, {total:.0f} ms by the clock in all | runs | ms | share |\n|---|---|---|---|")
    for name, (count, ms) in operations.items():
        if ms > total / 1000:
            print(f"| {name} | {count} | {ms:.1f} | {ms / total:.1%} |")


if __name__ == "__main__":
    sys.exit(main())
