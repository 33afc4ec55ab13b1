"""`ace-loadtest capacity HOST:PORT --slo p99=400ms`: the highest rate at which a promise is kept."""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from ace_loadtest import slo
from ace_loadtest.arrivals import constant
from ace_loadtest.capacity import Goal, Measure, Search, Trial
from ace_loadtest.errors import LoadTestError, SloOutOfReach, TargetNotReady
from ace_loadtest.loads import Open
from ace_loadtest.plan import Plan
from ace_loadtest.recording import Recording
from ace_loadtest.run import run
from ace_loadtest.watch import Watcher

from .arguments import add_metrics, add_out, add_payload, add_target, plan_with
from .run import created, folder_of

_WARM_UP_S = 1.0
_CONNECTIONS = 5


def add(commands: Any) -> None:  # argparse's own type has no public name
    """Adds the command to those of the package."""
    parser = commands.add_parser(
        "capacity",
        usage="ace-loadtest capacity 127.0.0.1:8500 --slo p99=400ms --errors 0.1%% --images faces/test [option ...]",
        help="find the highest rate at which a promise is kept",
    )
    parser.set_defaults(command=_capacity, plan=_work)
    parser.description = (
        "Finds the highest rate of Poisson arrivals at which latencies and errors stay within limits, confirms it by a "
        "run of full length, and draws latency over rate. Writes capacity.json, capacity.svg and the report of the run "
        "that confirms, and prints one line of JSON."
    )
    add_target(parser)
    add_payload(parser)
    add_goal(parser)
    add_metrics(parser)
    add_out(parser)


def add_goal(parser: argparse.ArgumentParser) -> None:
    """Adds the flags for what is to hold, and how it is looked for."""
    parser.add_argument("--slo", required=True, metavar="LIMITS", help="p99=400ms, or p50=50ms,p99=0.4s")
    parser.add_argument("--errors", default="0.1%", metavar="SHARE", help="of requests that may fail; default: 0.1%%")
    for flag, default, help_text in (
        ("--trial", Goal.trial_s, "seconds of each rate tried"),
        ("--seconds", Goal.confirm_s, "seconds of the run that confirms"),
        ("--warm-up", _WARM_UP_S, "seconds before each that count in no figure"),
        ("--precision", Goal.precision, "share by which the rate may be too low"),
        ("--from", Goal.first_per_s, "requests a second tried first"),
    ):
        text = f"{help_text}; default: %(default)s"
        parser.add_argument(flag, type=float, default=default, metavar="X", help=text)


def goal_of(options: argparse.Namespace) -> Goal:
    """What is to hold.

    Raises:
        ValueError: the flags say nothing that can.
    """
    return Goal(
        slo=slo.parse(options.slo, options.errors),
        trial_s=options.trial,
        confirm_s=options.seconds,
        precision=options.precision,
        first_per_s=vars(options)["from"],
    )


def plan_of(options: argparse.Namespace) -> Plan:
    """The first trial."""
    goal = goal_of(options)
    return plan_with(options, Open(constant(goal.first_per_s, options.warm_up + goal.trial_s)))


def measure_of(plan: Plan, on_connected: Callable[[], object] | None = None) -> Measure:
    """Runs at any rate of what is otherwise the plan; one on a server that still works off the last waits for it."""
    ready = False

    def measure(rate: float, seconds: float, seed: int) -> tuple[Plan, Recording]:
        load = Open(constant(rate, plan.warm_up_s + seconds))
        tried = replace(plan, load=load, seed=plan.seed + seed)
        nonlocal ready
        for _ in range(_CONNECTIONS if ready else 0):
            try:
                return tried, run(tried, on_connected=on_connected)
            except TargetNotReady:  # noqa: PERF203 - each waits for the deadline
                continue
        recording = run(tried, on_connected=on_connected)
        ready = True
        return tried, recording

    return measure


def _work(options: argparse.Namespace) -> tuple[Plan, Goal]:
    return plan_of(options), goal_of(options)


def _capacity(options: argparse.Namespace, work: tuple[Plan, Goal]) -> int:
    plan, goal = work
    started_at = datetime.now().astimezone()
    folder = folder_of(options, started_at)

    Watcher(plan.metrics).check()
    search = Search(goal, measure_of(plan, lambda: created(folder)), _say)
    try:
        status = _searched(search)
    except LoadTestError as error:
        if search.last is None or isinstance(error, SloOutOfReach):  # which is what was to be found
            raise
        print(f"ace-loadtest: {error}\nThe report is of what was measured until then.", file=sys.stderr)
        status = 1
    if search.last is not None:
        _write(search, folder, started_at)
    return status


def _searched(search: Search) -> int:
    """The exit status."""
    try:
        search.run()
    except KeyboardInterrupt:
        print("ace-loadtest: interrupted; the report is of what was measured until then", file=sys.stderr)
        return 130
    return _status(search)


def _status(search: Search) -> int:
    if search.per_s is None:
        lowest = min(trial.per_s for trial in search.trials if trial.role == "confirm")
        print(
            f"ace-loadtest: no rate was confirmed: what held in trials of {search.goal.trial_s:g} s did not for "
            f"{search.goal.confirm_s:g} s, down to {lowest:.4g}/s. Pass a longer --trial.",
            file=sys.stderr,
        )
        return 1
    if search.limit == "generator":
        print(
            f"ace-loadtest: the generator was the limit: the server does at least {search.per_s:.4g}/s.",
            file=sys.stderr,
        )
        return 1
    return 0


def _write(search: Search, folder: Path, started_at: datetime) -> None:
    from ace_loadtest.capacity_report import picture, section  # matplotlib takes half a second
    from ace_loadtest.report import Report

    if search.last is None:
        return
    page = Report(*search.last, started_at, (section(search),)).write(folder)
    (folder / "capacity.json").write_text(json.dumps(search.as_json(), indent=2) + "\n", encoding="utf-8")
    if svg := picture(search):
        (folder / "capacity.svg").write_text(svg, encoding="utf-8")
    found = {
        "capacity_per_s": search.per_s and round(search.per_s, 2),
        "knee_per_s": search.knee_per_s and round(search.knee_per_s, 2),
        "limit": search.limit,
        "complete": search.complete,
    }
    print(json.dumps(found | {"report": str(page)}))


def _say(trial: Trial) -> None:
    figures = trial.summary.latency_ms
    latency = f"p50 {figures['p50']:.4g} ms, p99 {figures['p99']:.4g} ms" if figures else "no answer"
    reasons = "; ".join((*trial.missed, *trial.summary.invalid))
    print(f"{trial.role} {trial.per_s:.4g}/s: {latency}: {'held' if trial.held else reasons}", file=sys.stderr)
