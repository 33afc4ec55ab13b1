"""What the export does on a GPU: images/s and latency by precision, XLA and batch size, and memory over version swaps.

    make gpu-check                                # 15 minutes with a GPU; ARGS=--help lists the options
    make gpu-check ARGS="--cpu --batches 1,8"     # tries the script itself without one

Each export has a process of its own, one after the other, and is run as TensorFlow Serving runs it: in a session that
is fed from the host's memory. `pixels` is the network alone on decoded images; `JPEG` is `serving_default`, which
decodes on the CPU first. Prints a table, and writes everything as JSON.
"""

import argparse
import gc
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime, timezone
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import candidates
import numpy as np
from candidates import Array

from ace_export.quiet import quiet_start
from ace_export.settings import PRECISIONS

BATCHES = (1, 2, 4, 8, 16, 32, 64, 128)
RUNS_AT_LEAST = 10
SWAPS_SETTLED = 20  # after so many the memory should grow no more

Row = dict[str, Any]


def main() -> int:
    """0 where everything was measured, 1 where there is no GPU to measure."""
    arguments = _parser().parse_args()
    found = _alone(_device)
    if not (found["gpu"] or arguments.cpu):
        print(f"gpu-check: {found['why_not']}", file=sys.stderr)
        return 1
    results: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        model = arguments.model or _alone(_write_xception, Path(name) / "model.keras")
        for precision in arguments.precisions.split(","):
            for xla in (False, True):
                _tell(f"exporting in {precision}{' for XLA' * xla}")
                folder = _export(model, Path(name) / f"{precision}-{xla}", precision, xla=xla)
                rows = _alone(_measure, folder, arguments)
                results += [{"precision": precision, "xla": xla, **row} for row in rows]
        _tell(f"swapping versions {arguments.swaps} times")
        memory = _alone(_swap, Path(name) / "float32-False" / "1", arguments.swaps)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    setting = {**_setting(), **found}
    arguments.out.write_text(json.dumps({"setting": setting, "runs": results, "memory": memory}, indent=1) + "\n")
    _print(setting, results, memory)
    _tell(f"all of it is in {arguments.out}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("model", type=Path, nargs="?", metavar="MODEL", help="a .keras file; default: Xception of random weights")
    add("--batches", type=_numbers, default=BATCHES, metavar="N,N", help="default: 1 to 128 in powers of two")
    add("--precisions", default=",".join(PRECISIONS), metavar="P,P", help="default: %(default)s; float32 is needed")
    add("--seconds", type=float, default=3.0, metavar="S", help="a batch size is run for; default: %(default)g")
    add("--swaps", type=int, default=100, metavar="N", help="default: %(default)s")
    add("--out", type=Path, default=Path("runs/gpu.json"), metavar="FILE", help="default: %(default)s")
    add("--cpu", action="store_true", help="go on where there is no GPU")
    return parser


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(",")))


def _alone(work: Callable[..., Any], *arguments: Any) -> Any:
    """What a function returns in a process of its own, which gives the GPU back when it ends."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(work, *arguments).result()


def _device() -> Row:
    """The GPU that TensorFlow sees, or why it sees none."""
    with quiet_start():
        import tensorflow as tf
    gpus = tf.config.list_physical_devices("GPU")
    query = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    try:
        card = subprocess.run(query, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603 our own
    except (OSError, subprocess.CalledProcessError):
        card = ""
    why = (
        f"TensorFlow does not see {card}: its CUDA libraries come with pip install 'tensorflow[and-cuda]'"
        if card
        else "nvidia-smi finds no GPU here: install the driver, or try the script with --cpu"
    )
    return {"gpu": card if gpus else "", "why_not": "" if gpus else why}


def _write_xception(path: Path) -> Path:
    with quiet_start():
        candidates.xception().save(path)
    return path


def _export(model: Path, repository: Path, precision: str, *, xla: bool) -> Path:
    command = [sys.executable, "-m", "ace_export", str(model), str(repository), "--precision", precision]
    command += ["--xla"] if xla else []
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 our own command
    if done.returncode:
        sys.exit(f"gpu-check: {done.stderr.strip().splitlines()[-1]}")
    return Path(done.stdout.strip())


def _measure(folder: Path, arguments: argparse.Namespace) -> list[Row]:
    """A row for each signature and batch size."""
    rows = []
    with quiet_start():
        session, signatures = _load(folder)
    for signature, images in _inputs(signatures["pixels"], max(arguments.batches)).items():
        call, name = _callable(session, signatures[signature])
        for batch in arguments.batches:
            _tell(f"  {name}, {batch} at a time")
            first_s, times_s = _timed(call, images[:batch], arguments.seconds)
            rows.append(
                {
                    "signature": signature,
                    "batch": batch,
                    "first_run_s": round(first_s, 3),  # with what is compiled or chosen once
                    "runs": len(times_s),
                    "images_per_s": round(batch * len(times_s) / sum(times_s), 1),
                    "p50_ms": round(1000 * float(np.percentile(times_s, 50)), 2),
                    "p99_ms": round(1000 * float(np.percentile(times_s, 99)), 2),
                    "prob_fake": float(call(images[:1])[0]),
                }
            )
    return rows


def _load(folder: Path) -> tuple[Any, Any]:
    """A session that takes GPU memory as it needs it, and the version's signatures."""
    import tensorflow as tf

    config = tf.compat.v1.ConfigProto(gpu_options=tf.compat.v1.GPUOptions(allow_growth=True))
    session = tf.compat.v1.Session(graph=tf.Graph(), config=config)
    with session.graph.as_default():
        return session, tf.compat.v1.saved_model.load(session, ["serve"], str(folder)).signature_def


def _callable(session: Any, signature: Any) -> tuple[Callable[[Array], Array], str]:
    from tensorflow.core.protobuf import config_pb2

    ((name, given),) = signature.inputs.items()
    options = config_pb2.CallableOptions(feed=[given.name], fetch=[signature.outputs[candidates.ANSWER].name])
    call = session._make_callable_from_options(options)
    return lambda images: np.asarray(call(images)[0]), name


def _inputs(pixels: Any, count: int) -> dict[str, Array]:
    """The same images for both signatures: smooth noise, as JPEG of quality 95 and decoded."""
    import cv2

    height, width = (pixels.inputs["pixels"].tensor_shape.dim[axis].size for axis in (1, 2))
    noise = np.random.default_rng(0).integers(0, 256, (count, height // 8, width // 8, 3)).astype(np.uint8)
    drawn = [cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC) for small in noise]
    jpegs = [cv2.imencode(".jpg", image)[1].tobytes() for image in drawn]
    decoded = [cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)[..., ::-1] for jpeg in jpegs]
    return {"pixels": np.stack(decoded), "serving_default": np.array(jpegs, dtype=object)}


def _timed(call: Callable[[Array], Array], images: Array, seconds: float) -> tuple[float, list[float]]:
    """How long the first run took, and each of those after it."""
    times_s: list[float] = []
    while len(times_s) <= RUNS_AT_LEAST or sum(times_s[1:]) < seconds:
        start_s = time.perf_counter()
        call(images)
        times_s.append(time.perf_counter() - start_s)
    return times_s[0], times_s[1:]


def _swap(folder: Path, swaps: int) -> Row:
    """The process's memory and the GPU's, in MB, after some swaps and after all: load the next, close the last."""
    with quiet_start():
        session, signatures = _load(folder)
    images, after = _inputs(signatures["pixels"], 8)["pixels"], {}
    for number in range(1, swaps + 1):
        following, signatures = _load(folder)
        _callable(following, signatures["pixels"])[0](images)
        session.close()
        session = following
        gc.collect()
        if number in (min(SWAPS_SETTLED, swaps), swaps):
            after[f"after_{number}"] = _memory_mb()
    return after


def _memory_mb() -> Row:
    import tensorflow as tf

    resident = int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6
    if not tf.config.list_physical_devices("GPU"):
        return {"resident": round(resident)}
    of_gpu = tf.config.experimental.get_memory_info("GPU:0")
    return {"resident": round(resident), **{f"gpu_{name}": round(size / 1e6) for name, size in of_gpu.items()}}


def _setting() -> Row:
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)  # noqa: S607 from the PATH
    return {
        "when": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "commit": commit.stdout.strip(),
        "tensorflow": version("tensorflow"),
    }


def _print(setting: Row, rows: Sequence[Row], memory: Row) -> None:
    print(f"{setting['gpu'] or 'no GPU'}; TensorFlow {setting['tensorflow']}, {setting['when']}, {setting['commit']}\n")
    print("| precision | batch | images/s, pixels · JPEG | p50 ms | p99 ms | first run s | Δ prob_fake |")
    print("|---|---|---|---|---|---|---|")
    reference = next(row["prob_fake"] for row in rows if row["precision"] == "float32" and not row["xla"])
    by_key = {(row["precision"], row["xla"], row["batch"], row["signature"]): row for row in rows}
    for (precision, xla, batch, signature), row in by_key.items():
        if signature == "pixels":
            jpeg = by_key[precision, xla, batch, "serving_default"]
            print(
                f"| {precision}{', XLA' * xla} | {batch} | {row['images_per_s']:,.0f} · {jpeg['images_per_s']:,.0f} "
                f"| {row['p50_ms']:.1f} · {jpeg['p50_ms']:.1f} | {row['p99_ms']:.1f} · {jpeg['p99_ms']:.1f} "
                f"| {row['first_run_s']:.1f} | {abs(row['prob_fake'] - reference):.1e} |"
            )
    print("\nMB over the swaps: " + "; ".join(f"{when}: {sizes}" for when, sizes in memory.items()))


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
