"""`ace-loadtest check RESULT BASELINE`: exit status 1 where a run is worse than stored ones beyond their noise."""

import argparse
import sys
from pathlib import Path
from typing import Any

from ace_loadtest.check import PERCENTILES, read, regressions


def add(commands: Any) -> None:  # argparse's own type has no public name
    """Adds the command to those of the package."""
    parser = commands.add_parser(
        "check",
        usage="ace-loadtest check runs/loadtest/new loadtest/known [known ...] [--tolerance 0.1]",
        help="hold a report to stored ones",
    )
    parser.set_defaults(command=_check, plan=lambda _: None)
    parser.description = (
        "Says where a run is worse than stored ones of the same load: percentiles, errors and, in a closed loop, "
        "answers a second. Exit status: 0 not worse, 1 worse or not to be compared."
    )
    parser.add_argument("result", type=Path, metavar="RESULT", help="report.json, or its folder")
    parser.add_argument(
        "baselines", type=Path, nargs="+", metavar="BASELINE", help="likewise; several show their noise"
    )
    parser.add_argument(
        "--tolerance", type=float, default=0.1, metavar="SHARE", help="that is no regression; default: %(default)s"
    )


def _check(options: argparse.Namespace, _: None) -> int:
    result, baselines = read(options.result), [read(path) for path in options.baselines]
    found = regressions(result, baselines, options.tolerance)
    for name in PERCENTILES:
        before = ", ".join(f"{each['latency_ms'][name]:.4g}" for each in baselines)
        print(f"{name}: {result['latency_ms'][name]:.4g} ms, before {before} ms")
    for each in found:
        print(f"ace-loadtest: worse: {each}", file=sys.stderr)
    return 1 if found else 0
