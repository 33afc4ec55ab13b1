"""What the system says of the machine that is measured on; on others than Linux, little."""

import math
import os
import platform
import resource
from pathlib import Path


def processors() -> set[int]:
    """The numbers of those that this process, and so the servers that it starts, may run on."""
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))


def processor_name() -> str:
    """What they call themselves."""
    names = [line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def available_memory_bytes() -> float:
    """What can still be taken without swapping; infinite where the system does not say."""
    available = [line.split()[1] for line in _lines("/proc/meminfo") if line.startswith("MemAvailable:")]
    return int(available[0]) * 1024 if available else math.inf


class Neighbours:
    """How much of the processors others take from its making on, which no measurement here can be blamed for."""

    def __init__(self) -> None:
        self._before = _spent_s()

    def share(self) -> float | None:
        """From 0 to 1, of all that this process and its ended children might have had; None where nobody says."""
        passed_s, busy_s, own_s = (after - before for before, after in zip(self._before, _spent_s(), strict=True))
        return min(1.0, max(0.0, (busy_s - own_s) / passed_s)) if passed_s else None


def _spent_s() -> tuple[float, float, float]:
    """Seconds of the processors: all, those in which they were busy, those of this process and its ended children."""
    ours = {f"cpu{number}" for number in processors()}
    rows = [line.split() for line in _lines("/proc/stat")]
    ticks = [[int(field) for field in row[1:9]] for row in rows if row and row[0] in ours]
    idle = sum(row[3] + row[4] for row in ticks)  # idle and waiting for a disk: proc_stat(5)
    passed = sum(map(sum, ticks))
    own_s = sum(
        usage.ru_utime + usage.ru_stime
        for usage in (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )
    tick_s = 1 / os.sysconf("SC_CLK_TCK")
    return passed * tick_s, (passed - idle) * tick_s, own_s


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
