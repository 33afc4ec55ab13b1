"""`ace-loadtest compare A B`: whether B is faster or slower, by rounds that take turns."""

import argparse
import json
import sys
from dataclasses import replace
from datetime import datetime
from typing import Any

from ace_loadtest.compare import Comparison, Side
from ace_loadtest.errors import LoadTestError
from ace_loadtest.plan import Plan
from ace_loadtest.recording import Recording
from ace_loadtest.summary import Summary

from .arguments import add_calls, add_load, add_out, add_payload, load_of, plan_with, target_named
from .run import created, folder_of

_ROUNDS, _SECONDS, _WARM_UP_S, _MARGIN = 10, 6.0, 1.0, 0.05


def add(commands: Any) -> None:  # argparse's own type has no public name
    """Adds the command to those of the package."""
    parser = commands.add_parser(
        "compare",
        usage="ace-loadtest compare 127.0.0.1:8500/stable 127.0.0.1:8500/canary --rate 50 --images faces/test [...]",
        help="hold two servers, versions or labels to each other",
    )
    parser.set_defaults(command=_compare, plan=_plans)
    parser.description = (
        "Makes the same load on A and on B in rounds that take turns, and says by what B differs, with 95 % intervals. "
        "Writes report.html, compare.json, and the requests of each as CSV and HdrHistogram log. Prints a line of JSON."
    )
    parser.add_argument("a", metavar="A", help="HOST:PORT, HOST:PORT/VERSION, HOST:PORT/LABEL, or http://... of an app")
    parser.add_argument("b", metavar="B", help="likewise")
    add_calls(parser)
    add_payload(parser)
    add_load(parser, _SECONDS)
    parser.set_defaults(warm_up=_WARM_UP_S)
    parser.add_argument("--rounds", type=int, default=_ROUNDS, metavar="N", help="default: %(default)s, each --seconds")
    parser.add_argument(
        "--margin", type=float, default=_MARGIN, metavar="SHARE", help="within which they are the same; default: 0.05"
    )
    add_out(parser)


def _plans(options: argparse.Namespace) -> dict[Side, Plan]:
    if options.rounds < 2 or not 0 <= options.margin < 1:
        raise ValueError(f"--rounds is {options.rounds} and --margin {options.margin:g}: at least 2, and from 0 to 1")
    load = load_of(options, _SECONDS)
    return {
        "A": plan_with(options, load, (target_named(options, options.a),)),
        "B": plan_with(options, load, (target_named(options, options.b),)),
    }


def _compare(options: argparse.Namespace, plans: dict[Side, Plan]) -> int:
    from ace_loadtest.comparison_report import ComparisonReport  # matplotlib takes half a second
    from ace_loadtest.run import run

    started_at = datetime.now().astimezone()
    folder = folder_of(options, started_at)

    def measure(side: Side, number: int) -> tuple[Plan, Recording]:
        plan = replace(plans[side], seed=plans[side].seed + number)
        return plan, run(plan, on_connected=lambda: created(folder))

    comparison = Comparison(measure, options.rounds, options.margin, _say)
    status = 0
    try:
        comparison.run()
    except KeyboardInterrupt:
        status = 130
        if len(comparison.pairs) < 2:
            print("ace-loadtest: interrupted before two rounds, which compare nothing", file=sys.stderr)
            return status
        print("ace-loadtest: interrupted; the report is of the rounds until then", file=sys.stderr)
    except LoadTestError as error:
        status = 1
        if len(comparison.pairs) < 2:
            raise
        print(f"ace-loadtest: {error}\nThe report is of the rounds until then.", file=sys.stderr)
    report = ComparisonReport(comparison, plans, started_at)
    page = report.write(folder)
    print(json.dumps({"verdict": comparison.verdict(), "complete": comparison.complete, "report": str(page)}))
    print(report.said(), file=sys.stderr)
    for reason in comparison.invalid:
        print(f"ace-loadtest: the rounds are invalid: {reason}", file=sys.stderr)
    return status or int(bool(comparison.invalid))


def _say(side: Side, number: int, summary: Summary) -> None:
    figures = summary.latency_ms
    latency = f"p50 {figures['p50']:.4g} ms, p99 {figures['p99']:.4g} ms" if figures else "no answer"
    print(f"round {number + 1} of {side}: {latency}, {summary.error_share:.2%} errors", file=sys.stderr)
