"""Where a run was made, as far as its figures depend on it."""

import platform
import subprocess
from importlib.metadata import version
from os import cpu_count
from pathlib import Path


def machine() -> str:
    """The processors of this machine, and its memory."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        names = {line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")}
        kilobytes = int(Path("/proc/meminfo").read_text(encoding="utf-8").split()[1])
    except (OSError, ValueError, IndexError):  # not Linux
        return f"{cpu_count()} processors, {platform.system()} {platform.machine()}"
    kinds = f" ({', '.join(sorted(names))})" if names else ""
    return f"{cpu_count()} processors{kinds}, {kilobytes / 2**20:.0f} GB, {platform.system()} {platform.machine()}"


def software() -> str:
    """What makes the load."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("ace-detector", "grpcio", "locust", "numpy"))
    return f"Python {platform.python_version()}, {packages}"


def commit() -> str:
    """The commit of the working directory, `+` where it was changed since; empty where it is none."""
    command = ["git", "describe", "--always", "--dirty=+", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603 - fixed
    except (OSError, subprocess.CalledProcessError):
        return ""
