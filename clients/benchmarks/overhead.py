"""What the client costs beside the bare gRPC stub: `python clients/benchmarks/overhead.py`, about two minutes.

A stub server in a process of its own answers at once. One call: a JPEG of 40 kB through the bare stub (our message
classes, no policy) and through `Detector.detect`, in turns; medians, and processor time of this process. Many images:
1,000 through `AsyncDetector.detect`, and through hand-written grpc.aio code with the same batches, as many at once, in
turns. Then what `import ace_client` takes, each time in a new process. Prints a table, and how many processes ran or
waited on average in the last minute.
"""

import asyncio
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import grpc

from ace_client import AsyncDetector, Detector, Options
from ace_client.channel import PREDICT
from ace_client.codec import model_spec, predict_request
from ace_client.protos.serving_pb2 import PredictRequest, PredictResponse

STUB = Path(__file__).parents[2] / "tests" / "ace_client" / "stub_server.py"
IMAGE = bytes(40_000)
CALLS, ROUNDS = 400, 10
IMAGES, BATCH, IN_FLIGHT = 1000, 32, 4
IMPORT = """
import time
start_s = time.perf_counter()
import ace_client
print(time.perf_counter() - start_s)
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmRSS")))
"""


def main() -> None:
    """Measures, and prints."""
    with subprocess.Popen([sys.executable, STUB], stdout=subprocess.PIPE, text=True) as server:  # noqa: S603 ours
        address = f"127.0.0.1:{int(server.stdout.readline())}"
        rows = [*one_call(address), *asyncio.run(many_images(address))]
        server.terminate()
    rows += importing()
    rows.append(("load of the machine, with this", f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"))
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:<{width}}  {value}")


def one_call(address: str) -> list[tuple[str, str]]:
    """The wall and the processor time of a call, bare and with the client, and the difference."""
    with grpc.insecure_channel(address) as channel, Detector(address) as detector:
        predict = channel.unary_unary(PREDICT, PredictRequest.SerializeToString, PredictResponse.FromString)

        def bare() -> None:
            response = predict(predict_request(model_spec("detector"), [IMAGE]), timeout=5.0)
            _ = response.outputs["prob_fake"].float_val[0], response.outputs["label"].string_val[0]

        def client() -> None:
            detector.detect(IMAGE)

        walls_us, processor_us = alternately({"bare": bare, "client": client})
    overhead_us = statistics.median(
        statistics.median(ours) - statistics.median(theirs)
        for ours, theirs in zip(walls_us["client"], walls_us["bare"], strict=True)
    )
    processor = {name: statistics.median(each) for name, each in processor_us.items()}
    return [
        ("bare stub, one 40 kB image, p50", f"{middle(walls_us['bare']):.0f} µs"),
        ("Detector.detect, one 40 kB image, p50", f"{middle(walls_us['client']):.0f} µs"),
        ("overhead a call, p50", f"{overhead_us:.0f} µs"),
        ("processor time, bare stub", f"{processor['bare']:.0f} µs"),
        ("processor time, Detector.detect", f"{processor['client']:.0f} µs"),
        ("processor time, ratio", f"{processor['client'] / processor['bare']:.2f}"),
    ]


def alternately(calls):
    """Per name and round the µs of each call, and the processor's µs a call."""
    walls, processor = {name: [] for name in calls}, {name: [] for name in calls}
    for call in calls.values():
        for _ in range(CALLS):
            call()
    for _ in range(ROUNDS):
        for name, call in calls.items():
            round_us = []
            busy_s = time.process_time()
            for _ in range(CALLS):
                start_s = time.perf_counter()
                call()
                round_us.append((time.perf_counter() - start_s) * 1e6)
            processor[name].append((time.process_time() - busy_s) / CALLS * 1e6)
            walls[name].append(round_us)
    return walls, processor


def middle(rounds) -> float:
    """The median of all calls."""
    return statistics.median(each for round_us in rounds for each in round_us)


async def many_images(address: str) -> list[tuple[str, str]]:
    """Images a second of the client, of hand-written code, and the ratio."""
    images = [IMAGE] * IMAGES
    options = [("grpc.max_send_message_length", -1)]
    async with (
        grpc.aio.insecure_channel(address, options=options) as channel,
        AsyncDetector(address, deadline_s=60, options=Options(max_batch=BATCH, in_flight=IN_FLIGHT)) as detector,
    ):
        predict = channel.unary_unary(PREDICT, PredictRequest.SerializeToString, PredictResponse.FromString)
        at_once = asyncio.Semaphore(IN_FLIGHT)

        async def ask(batch: list[bytes]) -> list[float]:
            async with at_once:
                response = await predict(predict_request(model_spec("detector"), batch), timeout=60.0)
                return list(response.outputs["prob_fake"].float_val)

        async def by_hand() -> None:
            await asyncio.gather(*(ask(images[start : start + BATCH]) for start in range(0, IMAGES, BATCH)))

        async def client() -> None:
            await detector.detect(images)

        rates = {"by hand": [], "client": []}
        for _ in range(ROUNDS + 1):
            for name, run in (("by hand", by_hand), ("client", client)):
                start_s = time.perf_counter()
                await run()
                rates[name].append(IMAGES / (time.perf_counter() - start_s))
    hand, ours = (statistics.median(rates[name][1:]) for name in ("by hand", "client"))
    return [
        (f"1,000 images, grpc.aio by hand, {BATCH} a request", f"{hand:.0f}/s"),
        (f"1,000 images, AsyncDetector.detect, {BATCH} a request", f"{ours:.0f}/s"),
        ("1,000 images, ratio", f"{ours / hand:.2f}"),
    ]


def importing() -> list[tuple[str, str]]:
    """Seconds and resident memory of `import ace_client`, the best of some processes that do nothing else."""
    found = [
        subprocess.run([sys.executable, "-c", IMPORT], stdout=subprocess.PIPE, check=True, text=True).stdout.split()  # noqa: S603 ours
        for _ in range(ROUNDS)
    ]
    return [
        ("import ace_client, best of 10", f"{min(float(seconds) for seconds, _ in found):.2f} s"),
        ("resident after it", f"{min(int(kilobytes) for _, kilobytes in found) / 1000:.0f} MB"),
    ]


if __name__ == "__main__":
    main()
