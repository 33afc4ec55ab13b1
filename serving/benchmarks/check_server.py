"""Holds a running server to what this project promises of it, and writes one report: what `make tf-serving-check` runs.

python serving/benchmarks/check_server.py 127.0.0.1:8500 runs/models/detector --images runs/faces/test
"""

import argparse
import json
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ace_client import AceError, Detector
from ace_export.answers import Answer
from ace_export.errors import ExportError
from ace_export.parity import TOLERANCES
from ace_export.version import read_version

CONTRACT = Path(__file__).parents[2] / "tests" / "contract"
USERS = (1, 4, 16, 64)  # callers of the capacity's steps


class CheckFailedError(Exception):
    """What a part met that should not be."""


@dataclass(frozen=True)
class Asked:
    """Where the server is, where it finds its versions, and what to put to it."""

    address: str
    base_path: Path
    images: Path
    out: Path
    contract: str
    seconds: float

    @property
    def newest(self) -> Path:
        """The folder of the highest version."""
        versions = (path for path in self.base_path.iterdir() if path.name.isdecimal())
        return max(versions, key=lambda path: int(path.name))

    def load(self, name: str, users: int) -> list[str]:
        """The command that puts load on the server, with its report in a folder of this name."""
        arguments = ["--users", str(users), "--seconds", str(self.seconds), "--images", str(self.images)]
        return [sys.executable, "-m", "ace_loadtest", self.address, *arguments, "--out", str(self.out / name)]

    def figures(self, name: str) -> dict[str, Any]:
        """What that load showed."""
        return dict(json.loads((self.out / name / "report.json").read_text(encoding="utf-8")))


def contract(asked: Asked) -> str:
    """Every recorded answer of TensorFlow Serving is given again."""
    if not asked.contract:
        raise CheckFailedError("not run: --contract says where the models of tests/contract are served")
    return _run([sys.executable, "-m", "pytest", "-q", str(CONTRACT), "--target", asked.contract]).splitlines()[-1]


def parity(asked: Asked) -> str:
    """The golden images are answered as at export, where that was held to OpenCV and Keras."""
    version = read_version(asked.newest)
    allowed, golden = TOLERANCES[version.manifest["precision"]], version.golden()
    with Detector(asked.address, deadline_s=60) as detector:
        detector.wait_ready(120)
        verdicts = detector.detect([image.data for image in golden])
    for image, verdict in zip(golden, verdicts, strict=True):
        answer = Answer(verdict.prob_fake, verdict.label, verdict.error or "")
        if image.answer.distance(answer) > allowed:
            raise CheckFailedError(f"to '{image.name}' it answers {answer}, and at export {image.answer}")
    return f"{len(golden)} golden images within {allowed:.0e} of what was answered at export"


def rollout(asked: Asked) -> str:
    """The next version, a copy of the newest, takes over under load, and no call fails."""
    newest, number = asked.newest, int(asked.newest.name) + 1
    unfinished = Path(shutil.copytree(newest, asked.base_path / f"tmp-{number}"))
    command = asked.load("rollout", users=4)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as load:  # noqa: S603 - as below
        unfinished.rename(asked.base_path / str(number))
        begin_s = time.monotonic()
        with Detector(asked.address) as detector:
            detector.wait_ready(300, version=number)
        took_s = time.monotonic() - begin_s
        _, stderr = load.communicate()
    if load.returncode:
        raise CheckFailedError(f"the load ended with status {load.returncode}: {stderr.decode()[-500:]}")
    figures = asked.figures("rollout")
    if figures["errors"] or not figures["answered"]:
        raise CheckFailedError(f"of {figures['requests']} calls failed: {figures['errors']}")
    if str(number) not in figures["versions"]:
        raise CheckFailedError(f"version {number} took over after {took_s:.0f} s, after the load: raise --seconds")
    return f"version {number} answers after {took_s:.1f} s; calls by version: {figures['versions']}, none failed"


def capacity(asked: Asked) -> str:
    """Rates and latencies with ever more callers; the best of them."""
    steps = {}
    for users in USERS:
        _run(asked.load(f"capacity-{users}", users))
        steps[users] = asked.figures(f"capacity-{users}")
    lines = [
        f"{users} callers: {one['achieved_per_s']:.1f}/s, p50 {one['latency_ms']['p50']:.0f} ms, "
        f"p99 {one['latency_ms']['p99']:.0f} ms" + (f", failed: {one['errors']}" if one["errors"] else "")
        for users, one in steps.items()
    ]
    return "; ".join(lines)


def _run(command: list[str]) -> str:
    """What a command says on stdout.

    Raises:
        CheckFailedError: with its last words.
    """
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - a program of ours
    if done.returncode:
        raise CheckFailedError((done.stdout + done.stderr).strip()[-1000:])
    return done.stdout.strip()


PARTS = (contract, parity, rollout, capacity)


def main() -> int:
    """0 all parts hold, 1 one does not: which stands in the report."""
    parser = argparse.ArgumentParser(
        usage=(__doc__ or "").splitlines()[-1], description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("address", metavar="HOST:PORT", help="where the detector is served")
    parser.add_argument("base_path", type=Path, help="where that server finds its versions: one is added")
    parser.add_argument("--images", type=Path, required=True, help="a folder of images for the load")
    parser.add_argument(
        "--contract", default="", metavar="HOST:PORT", help="where the models of tests/contract are served"
    )
    parser.add_argument("--seconds", type=float, default=20.0, help="of each load; default: %(default)s")
    parser.add_argument("--out", type=Path, default=Path("runs/check-server"), help="default: %(default)s")
    asked = Asked(**vars(parser.parse_args()))
    asked.out.mkdir(parents=True, exist_ok=True)
    rows, failed = [f"# {asked.address}, {time.strftime('%Y-%m-%d')}", "", "| part | | |", "|---|---|---|"], 0
    for part in PARTS:
        try:
            rows.append(f"| {part.__name__} | holds | {part(asked)} |")
        except (CheckFailedError, AceError, ExportError, OSError) as error:
            failed += 1
            rows.append(f"| {part.__name__} | DOES NOT HOLD | {' '.join(str(error).split())} |")
        print(rows[-1], file=sys.stderr)
    report = asked.out / "report.md"
    report.write_text("\n".join(rows) + "\n", encoding="utf-8")
    print(report)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
