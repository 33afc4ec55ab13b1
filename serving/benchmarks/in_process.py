"""An exported version called in its own process, with nothing between: what `detector.py` holds the server against.

    python serving/benchmarks/in_process.py runs/models/detector/1 --sessions 1 --threads 0

Reads a line of JSON a measurement, {"callers": 2, "seconds": 10}, and answers with one: images, wall and processor
seconds, and the milliseconds of each call.
"""

import argparse
import json
import os
import sys
import threading
import time
from itertools import cycle, islice
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # as the server sets it
os.environ["TF_OVERRIDE_GLOBAL_THREADPOOL"] = "1"  # else all sessions of a process share the threads of the first

import numpy as np
from tensorflow.core.protobuf import config_pb2

from ace_client import contract
from ace_export.tuning.records import read_records
from ace_server.servable import Servable, SessionSettings


def main() -> None:
    """Load the version, then measure until standard input ends."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("version", type=Path)
    parser.add_argument("--sessions", type=int, default=1, help="callers take one each, in turn")
    parser.add_argument("--threads", type=int, default=0, help="of each session; 0 is one a processor")
    options = parser.parse_args()
    servables = [_load(options.version, options.threads) for _ in range(options.sessions)]
    images = read_records(options.version).images
    for servable in servables:
        _call(servable, images[0])
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(_measure(servables, images, asked["callers"], asked["seconds"])), flush=True)


def _load(version: Path, threads: int) -> Servable:
    config = config_pb2.ConfigProto(
        use_per_session_threads=True,
        intra_op_parallelism_threads=threads,
        inter_op_parallelism_threads=threads,
    )
    return Servable(version, name="detector", version=1, settings=SessionSettings(config=config))


def _call(servable: Servable, image: bytes) -> None:
    signature = servable.signatures[contract.SERVING_DEFAULT]
    feeds = {signature.inputs[contract.IMAGE_BYTES].name: np.array([image], dtype=object)}
    servable.run(feeds, [info.name for _, info in sorted(signature.outputs.items())])


def _measure(servables: list[Servable], images: tuple[bytes, ...], callers: int, seconds: float) -> dict[str, Any]:
    """Callers that call again as soon as they are answered, one image a call."""
    call_ms: list[float] = []
    began_s, began_cpu_s = time.perf_counter(), time.process_time()

    def call_again_and_again(number: int) -> None:
        servable = servables[number % len(servables)]
        for image in islice(cycle(images), number, None):
            call_s = time.perf_counter()
            if call_s - began_s > seconds:
                return
            _call(servable, image)
            call_ms.append((time.perf_counter() - call_s) * 1000)

    threads = [threading.Thread(target=call_again_and_again, args=(number,)) for number in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {
        "images": len(call_ms),
        "wall_s": time.perf_counter() - began_s,
        "cpu_s": time.process_time() - began_cpu_s,
        "call_ms": call_ms,
    }


if __name__ == "__main__":
    main()
