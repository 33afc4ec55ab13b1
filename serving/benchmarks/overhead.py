"""What `ace_server` adds to a call: half_plus_two, against a bare `grpc.aio` server that sends a fixed answer back.

    python serving/benchmarks/overhead.py

Takes two minutes. Server, echo and client are processes of their own; the two servers take turns, round after round.
All messages are bytes to the client, so that what is compared is the servers.
"""

import argparse
import asyncio
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import grpc

from ace_client.protos.serving_pb2 import ModelSpec, PredictRequest
from ace_client.protos.tensor_pb2 import DataType, TensorProto

METHOD = "/tensorflow.serving.PredictionService/Predict"
CALLERS = 16


def main() -> int:
    """Print the table; the exit status says nothing of the goals."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        in_a_process(write_half_plus_two, Path(folder) / "half_plus_two" / "1")
        server, address = start_server(Path(folder))
        request = predict_request()
        answer = asyncio.run(one_answer(address, request))
        to_parent, from_child = multiprocessing.Pipe()
        echo = multiprocessing.get_context("spawn").Process(target=serve_echo, args=(answer, from_child), daemon=True)
        echo.start()
        sides = {"grpc.aio echo": (f"127.0.0.1:{to_parent.recv()}", echo.pid), "ace_server": (address, server.pid)}
        measured: dict[str, list[tuple[float, float, float]]] = {name: [] for name in sides}
        try:
            for number in range(options.rounds):
                print(f"round {number + 1} of {options.rounds}", file=sys.stderr, flush=True)
                for name, (target, pid) in sides.items():
                    measured[name].append(asyncio.run(measure(target, request, options.seconds, pid)))
        finally:
            server.kill()
            server.wait()
            echo.kill()
    report(measured)
    return 0


def in_a_process(function, *arguments) -> None:  # type: ignore[no-untyped-def]
    """Run it where TensorFlow may be loaded: not in the client."""
    process = multiprocessing.get_context("spawn").Process(target=function, args=arguments)
    process.start()
    process.join()


def write_half_plus_two(path: Path) -> None:
    """The SavedModel of TensorFlow Serving's own examples: x float32[n] → y = x / 2 + 2."""
    import tensorflow as tf

    module = tf.Module()
    module.predict = tf.function(
        lambda x: {"y": x / 2 + 2}, input_signature=[tf.TensorSpec([None], tf.float32, name="x")]
    )
    tf.saved_model.save(module, str(path), signatures={"serving_default": module.predict})


def start_server(folder: Path, *more: str) -> tuple[subprocess.Popen[bytes], str]:
    """`ace_server` on a free port, with its defaults and the flags given, and its address."""
    log = folder / "server.log"
    flags = ["--host=127.0.0.1", "--port=0", "--model_name=half_plus_two", f"--model_base_path={folder}/half_plus_two"]
    flags += more
    with log.open("w") as output:
        process = subprocess.Popen([sys.executable, "-m", "ace_server", *flags], stdout=output, stderr=output)  # noqa: S603
    while "Running gRPC ModelServer at " not in log.read_text():
        if process.poll() is not None:
            raise SystemExit(f"the server did not start:\n{log.read_text()}")
        time.sleep(0.1)
    return process, log.read_text().split("Running gRPC ModelServer at ")[1].split()[0]


def predict_request() -> bytes:
    """The serialized PredictRequest for x = [1, 2, 5]."""
    request = PredictRequest(model_spec=ModelSpec(name="half_plus_two"))
    request.inputs["x"].CopyFrom(TensorProto(dtype=DataType.DT_FLOAT, float_val=[1, 2, 5]))
    request.inputs["x"].tensor_shape.dim.add(size=3)
    return request.SerializeToString()


async def one_answer(address: str, request: bytes) -> bytes:
    """What the server sends back: the echo sends the same."""
    async with grpc.aio.insecure_channel(address) as channel:
        return await channel.unary_unary(METHOD)(request, timeout=30)


def serve_echo(answer: bytes, port_to) -> None:  # type: ignore[no-untyped-def]
    """A bare `grpc.aio` server, bytes in and the same bytes out for all, until it is ended."""

    async def serve() -> None:
        async def predict(request: bytes, context: object) -> bytes:
            return answer

        server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        handlers = {"Predict": grpc.unary_unary_rpc_method_handler(predict)}
        server.add_generic_rpc_handlers(
            [grpc.method_handlers_generic_handler("tensorflow.serving.PredictionService", handlers)]
        )
        port_to.send(server.add_insecure_port("127.0.0.1:0"))
        await server.start()
        await server.wait_for_termination()

    asyncio.run(serve())


async def measure(address: str, request: bytes, seconds: float, pid: int) -> tuple[float, float, float]:
    """Calls a second of CALLERS, the p50 in ms of one caller, and the server's processor time in ms a call."""
    async with grpc.aio.insecure_channel(address) as channel:
        predict = channel.unary_unary(METHOD)
        await predict(request, timeout=30)
        before_s, began_s = _cpu_s(pid), time.perf_counter()
        counts = await asyncio.gather(*(_call_again(predict, request, began_s + seconds) for _ in range(CALLERS)))
        calls, passed_s = sum(map(len, counts)), time.perf_counter() - began_s
        cpu_ms = 1000 * (_cpu_s(pid) - before_s) / calls
        alone_ms = await _call_again(predict, request, time.perf_counter() + seconds / 2)
        return calls / passed_s, statistics.median(alone_ms), cpu_ms


async def _call_again(predict, request: bytes, end_s: float) -> list[float]:  # type: ignore[no-untyped-def]
    latencies_ms = []
    while (began_s := time.perf_counter()) < end_s:
        await predict(request, timeout=30)
        latencies_ms.append((time.perf_counter() - began_s) * 1000)
    return latencies_ms


def _cpu_s(pid: int) -> float:
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def report(measured: dict[str, list[tuple[float, float, float]]]) -> None:
    """Print medians, spreads and ratios."""
    print(f"{len(next(iter(measured.values())))} rounds, median [smallest-largest]\n")
    print(f"| | calls/s, {CALLERS} callers | p50 of one caller, ms | server's CPU-ms a call |\n|---|---|---|---|")
    for name, rounds in measured.items():
        print(f"| {name} | " + " | ".join(spread(list(column)) for column in zip(*rounds, strict=True)) + " |")
    pairs = list(zip(measured["ace_server"], measured["grpc.aio echo"], strict=True))
    ratios = [mine[0] / theirs[0] for mine, theirs in pairs]
    added_ms = [mine[1] - theirs[1] for mine, theirs in pairs]
    print(f"\n{spread(ratios)} of the echo's calls/s; {spread(added_ms)} ms added to its p50")


def spread(values: list[float], form: str = "") -> str:
    """The median, the smallest and the largest; without a form with as many digits as their size is worth."""
    form = form or (".0f" if min(values) >= 100 else ".2f")
    return f"{statistics.median(values):{form}} [{min(values):{form}}-{max(values):{form}}]"


if __name__ == "__main__":
    sys.exit(main())
