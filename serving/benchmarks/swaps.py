"""What 200 version swaps under load leave behind: the server's memory after each, and the calls that failed.

    python serving/benchmarks/swaps.py --out runs/swaps.png

Takes five minutes. half_plus_two is published again and again under the next number while four callers call; a swap is
over when all of them have been answered by the new version. The target is at most 10 % more memory after the last than
after the 20th.
"""

import argparse
import os
import shutil
import sys
import tempfile
import threading
from pathlib import Path

import grpc
from overhead import METHOD, in_a_process, predict_request, start_server, write_half_plus_two

from ace_client.protos.serving_pb2 import PredictResponse

CALLERS = 4
SETTLED = 20  # swaps after which the memory is what it should stay at
TARGET = 1.1


def main() -> int:
    """Exit status 0 where the memory stayed within the target and no call failed, 1 where not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--swaps", type=int, default=200)
    parser.add_argument("--out", type=Path, help="a PNG file for the picture")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        base_path = folder / "half_plus_two"
        in_a_process(write_half_plus_two, base_path / "1")
        server, address = start_server(folder, "--file_system_poll_wait_seconds=0.05", "--notrial_load")
        try:
            memory_mb, failures = swap(address, base_path, server.pid, options.swaps)
        finally:
            server.kill()
            server.wait()
    if options.out:
        draw(memory_mb, options.out)
    settled = memory_mb[min(SETTLED, len(memory_mb)) - 1]
    print(f"{len(memory_mb)} swaps, {failures} failed calls")
    last = memory_mb[-1]
    print(f"resident: {settled:.0f} MB after {SETTLED}, {last:.0f} after the last, {last / settled:.3f} times as much")
    return 0 if last <= TARGET * settled and not failures else 1


def swap(address: str, base_path: Path, pid: int, swaps: int) -> tuple[list[float], int]:
    """The memory in MB after each swap, and how many calls failed meanwhile."""
    callers = [_Caller(address) for _ in range(CALLERS)]
    memory_mb = []
    for number in range(2, swaps + 2):
        shutil.copytree(base_path / str(number - 1), base_path / f"tmp-{number}")
        (base_path / f"tmp-{number}").rename(base_path / str(number))
        for caller in callers:
            caller.wait_for(number)
        shutil.rmtree(base_path / str(number - 1))
        memory_mb.append(_resident_mb(pid))
        if number % 10 == 1:
            print(f"{number - 1} of {swaps}: {memory_mb[-1]:.0f} MB", file=sys.stderr, flush=True)
    for caller in callers:
        caller.stop()
    return memory_mb, sum(caller.failures for caller in callers)


class _Caller:
    """A thread that calls again as soon as it is answered."""

    def __init__(self, address: str) -> None:
        self.failures = 0
        self._address = address
        self._version = 0
        self._changed = threading.Condition()
        self._stopped = False
        self._thread = threading.Thread(target=self._call, daemon=True)
        self._thread.start()

    def wait_for(self, version: int) -> None:
        """Return once that version has answered."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._version >= version, timeout=120):
                raise SystemExit(f"version {version} has not answered within two minutes")

    def stop(self) -> None:
        self._stopped = True
        self._thread.join()

    def _call(self) -> None:
        request = predict_request()
        with grpc.insecure_channel(self._address) as channel:
            predict = channel.unary_unary(METHOD, response_deserializer=PredictResponse.FromString)
            while not self._stopped:
                try:
                    version = predict(request, timeout=30).model_spec.version.value
                except grpc.RpcError:
                    self.failures += 1
                    continue
                with self._changed:
                    self._version = version
                    self._changed.notify_all()


def draw(memory_mb: list[float], out: Path) -> None:
    """The memory over the swaps."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 4), layout="constrained")
    axes.plot(range(1, len(memory_mb) + 1), memory_mb)
    axes.set(xlabel="swaps", ylabel="resident memory, MB", ylim=(0, 1.1 * max(memory_mb)))
    axes.grid(alpha=0.3)
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=120)


def _resident_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    sys.exit(main())
