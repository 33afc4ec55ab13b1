"""What the server, this process and this machine's GPUs do meanwhile: looked at each second, by a thread.

The answers are kept as they came and read after the load, as reading them would hold up what is to be sent.
"""

import shutil
import subprocess
import threading
import time
import urllib.request
from dataclasses import dataclass
from typing import Final

from .errors import NoMetrics

_PATH: Final = "/monitoring/prometheus/metrics"
_EVERY_S: Final = 1.0
_TIMEOUT_S: Final = 2.0
_NVIDIA_SMI: Final = ("--query-gpu=utilization.gpu,memory.used", "--format=csv,noheader,nounits", "--loop-ms=1000")


@dataclass(frozen=True, slots=True)
class Look:
    """One of them: seconds since the load began, processor seconds of this process so far, and the server's page."""

    time_s: float
    busy_s: float
    page: str | None


@dataclass(frozen=True, slots=True)
class GpuLook:
    """A line of `nvidia-smi`: how busy a GPU was, in percent, and its memory in use, in MiB."""

    time_s: float
    busy_percent: float
    used_mib: float


@dataclass(frozen=True, slots=True)
class Observed:
    """All looks of a load, in order."""

    looks: tuple[Look, ...] = ()
    gpu: tuple[GpuLook, ...] = ()


class Watcher:
    """Looks from `start` to `stop`."""

    def __init__(self, metrics: str | None) -> None:
        """`metrics` is where the server's Prometheus page is: HOST:PORT of its REST API, or the whole address.

        Raises:
            NoMetrics: it is no address of one.
        """
        self._url = metrics if metrics is None or "://" in metrics else f"http://{metrics}{_PATH}"
        if self._url is not None and not self._url.startswith(("http://", "https://")):
            raise NoMetrics(f"the metrics of a server are asked for over HTTP, not at {self._url}")
        self._looks: list[Look] = []
        self._gpu: list[GpuLook] = []
        self._stopped = threading.Event()
        self._begin_s = 0.0
        self._threads = [threading.Thread(target=self._look_on, daemon=True)]
        self._nvidia_smi: subprocess.Popen[str] | None = None

    def check(self) -> None:
        """Whether the page is there, to be asked before a first load: in later ones the server may be busy.

        Raises:
            NoMetrics: it is not.
        """
        if self._url:
            self._page(self._url)

    def start(self) -> None:
        """The load begins."""
        self._begin_s = time.perf_counter()
        if command := shutil.which("nvidia-smi"):
            self._nvidia_smi = subprocess.Popen(  # noqa: S603 - fixed
                [command, *_NVIDIA_SMI], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
            self._threads.append(threading.Thread(target=self._read_gpu, daemon=True))
        for thread in self._threads:
            thread.start()

    def stop(self) -> Observed:
        """The load is over; what was seen until now."""
        self._stopped.set()
        if self._nvidia_smi:
            self._nvidia_smi.kill()
            self._nvidia_smi.wait()
        for thread in self._threads:
            thread.join(_TIMEOUT_S + 1)
        if self._nvidia_smi and self._nvidia_smi.stdout:
            self._nvidia_smi.stdout.close()
        return Observed(tuple(self._looks), tuple(self._gpu))

    def _look_on(self) -> None:
        self._look()
        while not self._stopped.wait(_EVERY_S):
            self._look()
        self._look()

    def _look(self) -> None:
        try:
            page = self._page(self._url) if self._url else None
        except NoMetrics:  # it may be there again in a second
            page = None
        self._looks.append(Look(time.perf_counter() - self._begin_s, time.process_time(), page))

    @staticmethod
    def _page(url: str) -> str:
        try:
            with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - HTTP, as was checked
                text: str = answer.read().decode()
        except (OSError, ValueError) as error:
            raise NoMetrics(
                f"reading the server's metrics at {url} failed: {error}\n"
                "Pass --metrics with the address of its REST API, or leave it out."
            ) from error
        return text

    def _read_gpu(self) -> None:
        for line in (self._nvidia_smi and self._nvidia_smi.stdout) or ():
            try:
                busy, used = map(float, line.split(","))
            except ValueError:  # "[N/A]" on some, or that there is no driver
                continue
            self._gpu.append(GpuLook(time.perf_counter() - self._begin_s, busy, used))
