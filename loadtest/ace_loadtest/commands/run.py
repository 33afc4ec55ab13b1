"""`ace-loadtest run HOST:PORT`, or without `run`: makes a load and writes a report of it."""

import argparse
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from ace_loadtest import progress
from ace_loadtest.errors import NotWritable
from ace_loadtest.generator import LoadGenerator
from ace_loadtest.plan import Plan
from ace_loadtest.watch import Watcher

from .arguments import add_load, add_metrics, add_out, add_payload, add_target, plan_of


def add(commands: Any) -> None:  # argparse's own type has no public name
    """Adds the command to those of the package."""
    parser = commands.add_parser(
        "run",
        usage="ace-loadtest 127.0.0.1:8500 --images faces/test [--rate R | --users N | --trace FILE] [option ...]",
        help="make a load; the command that is meant where none is named",
    )
    parser.set_defaults(command=_run, plan=plan_of)
    parser.description = (
        "Puts a served detector under load: callers who wait for answers (--users), or requests that do not (--rate). "
        "Writes report.html, report.json, samples.csv and HdrHistogram logs, and prints the path of report.html."
    )
    add_target(parser)
    add_payload(parser)
    add_load(parser)
    add_metrics(parser)
    add_out(parser)


def _run(options: argparse.Namespace, plan: Plan) -> int:
    from ace_loadtest.report import Report  # matplotlib takes half a second
    from ace_loadtest.run import run

    started_at = datetime.now().astimezone()
    folder = folder_of(options, started_at)
    Watcher(plan.metrics).check()
    recording = run(plan, on_connected=lambda: created(folder), on_tick=_show)
    progress.end(sys.stderr)
    report = Report(plan, recording, started_at)
    print(report.write(folder))
    if not recording.complete:
        print("ace-loadtest: interrupted; the report is of what was measured until then", file=sys.stderr)
        return 130
    for reason in report.summary.invalid:
        print(f"ace-loadtest: the run is invalid: {reason}", file=sys.stderr)
    if not report.summary.answered:
        print(f"ace-loadtest: not one request was answered: {report.summary.errors}", file=sys.stderr)
    return 1 if report.summary.invalid or not report.summary.answered else 0


def folder_of(options: argparse.Namespace, started_at: datetime) -> Path:
    """Where the report goes."""
    return Path(options.out or f"runs/loadtest/{started_at:%Y-%m-%dT%H-%M-%S}")


def created(folder: Path) -> Path:
    """The folder, which is there now.

    Raises:
        NotWritable: it cannot be.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NotWritable(f"cannot write a report into {folder}: {error.strerror}. Pass another --out.") from error
    return folder


def _show(generator: LoadGenerator) -> None:
    progress.show(generator.recorder, generator.elapsed_s(), generator.plan.load.seconds, sys.stderr)
