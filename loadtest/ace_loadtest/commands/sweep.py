"""`ace-loadtest sweep --server COMMAND --set NAME=V1,V2`: which setting of a server has the highest capacity."""

import argparse
import asyncio
import json
import sys
from dataclasses import replace
from datetime import datetime
from typing import Any

from ace_loadtest.capacity import Search
from ace_loadtest.generator import LoadGenerator
from ace_loadtest.plan import Plan, Target
from ace_loadtest.sweep import Candidate, Sweep

from .arguments import add_calls, add_out, add_payload
from .capacity import add_goal, goal_of, measure_of, plan_of
from .run import created, folder_of

_EXAMPLE = (
    "ace-loadtest sweep --server 'ace-server --port={port} --model_name=detector --model_base_path=/models/detector "
    "--tensorflow_session_parallelism={threads}' --set threads=1,2 --slo p99=400ms --images faces/test"
)


def add(commands: Any) -> None:  # argparse's own type has no public name
    """Adds the command to those of the package."""
    parser = commands.add_parser("sweep", usage=f"{_EXAMPLE} [option ...]", help="find a server's best setting")
    parser.set_defaults(command=_sweep, plan=_work)
    parser.description = (
        "Starts a server with each combination of values in turn, finds its capacity, and marks the best. Writes "
        "report.html and sweep.json, and prints one line of JSON."
    )
    parser.add_argument("--server", required=True, metavar="COMMAND", help="with {port} and the names of --set in it")
    parser.add_argument(
        "--set", required=True, action="append", metavar="NAME=V1,V2", help="the values of a name; may be repeated"
    )
    add_calls(parser)
    add_payload(parser)
    add_goal(parser)
    add_out(parser)


def _work(options: argparse.Namespace) -> Sweep:
    options.target, options.ask = "127.0.0.1:1", None
    plan, goal = plan_of(options), goal_of(options)
    values = {}
    for each in options.set:
        name, _, listed = each.partition("=")
        if not name.isidentifier() or not listed:
            raise ValueError(f"--set is {each}: write it as threads=1,2")
        values[name] = listed.split(",")

    def search(address: str) -> Search:
        return Search(goal, measure_of(_at(plan, address)), lambda trial: None)

    return Sweep(options.server, values, search, lambda address: asyncio.run(_connect(_at(plan, address))))


def _at(plan: Plan, address: str) -> Plan:
    target: Target = replace(plan.targets[0], address=address)
    return replace(plan, targets=(target,))


async def _connect(plan: Plan) -> None:
    generator = LoadGenerator(plan)
    try:
        await generator.connect()
    finally:
        await generator.close()


def _sweep(options: argparse.Namespace, sweep: Sweep) -> int:
    from ace_loadtest.sweep_report import page  # matplotlib takes half a second

    started_at = datetime.now().astimezone()
    folder = created(folder_of(options, started_at))
    goal = goal_of(options)
    try:
        for candidate in sweep.run():
            _say(candidate)
    except KeyboardInterrupt:
        print("ace-loadtest: interrupted; the report is of the settings until then", file=sys.stderr)
    (folder / "report.html").write_text(page(sweep, goal, started_at).as_html(), encoding="utf-8")
    kept = {"complete": sweep.complete, "server": sweep.command, "candidates": [each.as_json() for each in sweep.done]}
    (folder / "sweep.json").write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
    best = sweep.best
    found = {"best": best and dict(best.setting), "capacity_per_s": best and round(best.per_s, 2)}
    print(json.dumps(found | {"complete": sweep.complete, "report": str(folder / "report.html")}))
    if sweep.undecided:
        print("ace-loadtest: the generator was the limit: another setting may be the best", file=sys.stderr)
    if not sweep.complete:
        return 130
    return 0 if best and not sweep.undecided else 1


def _say(candidate: Candidate) -> None:
    setting = ", ".join(f"{name}={value}" for name, value in candidate.setting.items())
    found = f"{candidate.rate}/s" if candidate.per_s else candidate.failure or "nothing was confirmed"
    print(f"{setting}: {found}", file=sys.stderr)
