"""`ace-loadtest self-test`: how much load this machine's generator makes before it is late."""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from ace_loadtest.arrivals import constant
from ace_loadtest.loads import Closed, Open
from ace_loadtest.payload import images_of
from ace_loadtest.plan import Plan, Target
from ace_loadtest.run import run
from ace_loadtest.shares import Shares, parse
from ace_loadtest.summary import summarize

_STEP = 1.25  # of one rate over the last one
_FIRST = 0.4  # of what callers without a pause reach
_USERS = 32


def add(commands: Any) -> None:  # argparse's own type has no public name
    """Adds the command to those of the package."""
    parser = commands.add_parser(
        "self-test",
        usage="ace-loadtest self-test --draw 344x344.jpg --seconds 4",
        help="find the limit of the generator itself on this machine",
    )
    parser.set_defaults(command=_self_test, plan=_plan)
    parser.description = (
        "Puts a stub server, a process of its own that answers at once, under load. Prints one line of JSON: what "
        "callers without a pause reach, the highest Poisson rate of which no more than 1 % was sent late, and what a "
        "request costs. Measure other servers well below that rate."
    )
    parser.add_argument(
        "--draw", default="344x344.jpg", metavar="SHARES", help="the images; default: %(default)s, 13 kB"
    )
    parser.add_argument("--seconds", type=float, default=4.0, metavar="S", help="of each step; default: %(default)s")


def _plan(options: argparse.Namespace) -> Plan:
    drawn: Shares[str] = parse(options.draw, str)
    return Plan(targets=(Target(address="127.0.0.1:0"),), images=drawn, load=Closed(_USERS, options.seconds))


def _self_test(options: argparse.Namespace, plan: Plan) -> int:
    sizes = [len(image) for image in images_of(plan.images, plan.seed)]
    with stub_server() as address:
        plan = replace(plan, targets=(Target(address=address),))
        recording = run(plan)
        reached = summarize(plan, recording)
        found = {
            "bytes_an_image": round(sum(sizes) / len(sizes)),
            "closed_loop_per_s": round(reached.achieved_per_s, 1),
            "processor_ms_a_request": round(recording.generators[0].busy * 1000 / reached.achieved_per_s, 3),
        }
        found["open_loop_per_s"] = round(_highest(plan, reached.achieved_per_s * _FIRST), 1)
    print(json.dumps(found))
    return 0


def _highest(plan: Plan, rate: float) -> float:
    """The highest rate that held, upwards from this one, or downwards where not even this one does; 0 if none did."""
    if _held(plan, rate):
        while _held(plan, rate * _STEP):
            rate *= _STEP
        return rate
    while rate > 1:
        rate /= _STEP
        if _held(plan, rate):
            return rate
    return 0.0


def _held(plan: Plan, rate: float) -> bool:
    stepped = replace(plan, load=Open(constant(rate, plan.load.seconds)))
    summary = summarize(stepped, run(stepped))
    held = summary.valid and not summary.errors
    late = f"{summary.lateness.share:.2%} late" if summary.lateness else ""
    print(f"{rate:,.0f}/s: {late}, {'held' if held else 'not held'}", file=sys.stderr)
    return held


@contextmanager
def stub_server(*flags: str) -> Iterator[str]:
    """The address of a server with these flags of `ace_loadtest.stub_server`, in a process of its own."""
    command = [sys.executable, "-m", "ace_loadtest.stub_server", *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - ours
        try:
            port = process.stdout.readline().strip() if process.stdout else ""
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()
