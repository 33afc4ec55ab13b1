"""What `ace-detect` costs beside the library: `python clients/benchmarks/command.py`, about a minute.

A stub server in a process of its own answers at once. 5,000 files of 40 kB are asked about by `Detector.stream`, and by
`ace-detect` writing JSON lines into a file, in turns in this process; medians. Then, in a process of its own, a folder
of 100,000 files of 400 bytes: how long it takes, and the most memory that was resident. Prints a table, and how many
processes ran or waited on average in the last minute.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ace_client import Detector
from ace_client.__main__ import main as ace_detect

STUB = Path(__file__).parents[2] / "tests" / "ace_client" / "stub_server.py"
FILES, FILE_BYTES, ROUNDS = 5000, 40_000, 5
MANY, SMALL_BYTES, A_FOLDER = 100_000, 400, 1000

CHILD = """
import resource, sys
from ace_client.__main__ import main
main(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def main() -> None:
    """Measures, and prints."""
    with (
        tempfile.TemporaryDirectory() as scratch,
        subprocess.Popen([sys.executable, STUB], stdout=subprocess.PIPE, text=True) as server,  # noqa: S603 ours
    ):
        address = f"127.0.0.1:{int(server.stdout.readline())}"
        rows = [*beside_the_library(address, Path(scratch)), *many_files(address, Path(scratch))]
        server.terminate()
    rows.append(("load of the machine, with this", f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"))
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:<{width}}  {value}")


def beside_the_library(address: str, scratch: Path) -> list[tuple[str, str]]:
    """Images a second of the library and of the command, and the ratio."""
    files, out = draw(scratch / "faces", FILES, FILE_BYTES), scratch / "results.jsonl"

    def library() -> None:
        with Detector(address, deadline_s=60) as detector:
            for _ in detector.stream(files):
                pass

    def command() -> None:
        out.unlink(missing_ok=True)
        ace_detect([str(scratch / "faces"), "--server", address, "--out", str(out)])

    rates = {"library": [], "command": []}
    for _ in range(ROUNDS):
        for name, run in (("library", library), ("command", command)):
            start_s = time.perf_counter()
            run()
            rates[name].append(FILES / (time.perf_counter() - start_s))
    theirs, ours = statistics.median(rates["library"]), statistics.median(rates["command"])
    return [
        ("5,000 files of 40 kB, Detector.stream", f"{theirs:.0f}/s"),
        ("5,000 files of 40 kB, ace-detect --out", f"{ours:.0f}/s"),
        ("ratio", f"{ours / theirs:.2f}"),
    ]


def many_files(address: str, scratch: Path) -> list[tuple[str, str]]:
    """Seconds and memory of the command over many files, and again where all are done."""
    draw(scratch / "many", MANY, SMALL_BYTES)
    arguments = [scratch / "many", "--server", address, "--out", scratch / "many.jsonl"]
    found = []
    for name in ("100,000 files", "100,000 files, all done"):
        start_s = time.perf_counter()
        command = [sys.executable, "-c", CHILD, *arguments]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)  # noqa: S603 ours
        found.append(
            (name, f"{time.perf_counter() - start_s:.1f} s, {int(done.stdout) / 1000:.0f} MB resident at most")
        )
    return found


def draw(folder: Path, count: int, size: int) -> list[str]:
    """So many files of so many bytes below the folder, and their names."""
    names = []
    for number in range(count):
        file = folder / f"{number // A_FOLDER:03}" / f"{number:06}.jpg"
        if number % A_FOLDER == 0:
            file.parent.mkdir(parents=True)
        file.write_bytes(bytes(size))
        names.append(str(file))
    return names


if __name__ == "__main__":
    main()
