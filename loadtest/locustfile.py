"""The load for Locust itself: its web page, `--headless`, or `--master` and `--worker`.

locust -f loadtest/locustfile.py --host 127.0.0.1:8500 --images faces/test --rate 50 --seconds 20 --headless
"""

import sys
from argparse import ArgumentParser, Namespace
from datetime import datetime
from pathlib import Path
from typing import Any

from locust import events
from locust.runners import MasterRunner, WorkerRunner

from ace_loadtest import LoadTestError, Plan
from ace_loadtest.commands import arguments
from ace_loadtest.commands.run import created
from ace_loadtest.locust_load import DetectorUser, Gathering, Sending
from ace_loadtest.payload import images_of
from ace_loadtest.recording import Recording
from ace_loadtest.report import Report

__all__ = ["DetectorUser"]

_UNTIL_STOPPED_S = 24 * 3600.0


@events.init_command_line_parser.add_listener
def add_options(parser: ArgumentParser) -> None:
    """The flags of ace-loadtest, but for the address and the users, which are Locust's own."""
    parser.add_argument("--images", env_var="ACE_LOADTEST_IMAGES", default="", help="folder of the images to send")
    parser.add_argument("--draw", default="", metavar="SHARES", help="draw them: 640x480.jpg=3,99x99.png=1")
    parser.add_argument("--out", default="", metavar="DIR", help="for the report; default: runs/loadtest/<time>")
    arguments.add_mix(parser)
    arguments.add_arrivals(parser, parser)
    arguments.add_asked(parser)


@events.init.add_listener
def wire(environment: Any, **_: object) -> None:
    """What sends, what gathers, and the settings of both; ends Locust with one line where these are wrong."""

    def plan() -> Plan:
        options = Namespace(**vars(environment.parsed_options))
        options.target, options.users = environment.host, options.num_users or 1
        if not options.rate and not options.trace:  # a closed loop lasts as long as Locust says
            options.seconds = float(options.run_time or _UNTIL_STOPPED_S)
        return arguments.plan_of(options)

    try:
        images_of(arguments.source_of(environment.parsed_options), 0)
    except (LoadTestError, ValueError) as error:
        sys.exit(f"locust: {error}")
    if not isinstance(environment.runner, WorkerRunner):
        environment.ace_gathering = Gathering(environment, plan, lambda *found: _report(environment, *found))
    if not isinstance(environment.runner, MasterRunner):
        environment.ace_sending = Sending(environment, plan)


def _report(environment: Any, plan: Plan, recording: Recording) -> None:
    started_at = datetime.now().astimezone()
    folder = environment.parsed_options.out or f"runs/loadtest/{started_at:%Y-%m-%dT%H-%M-%S}"
    report = Report(plan, recording, started_at)
    print(f"ace-loadtest: {report.write(created(Path(folder)))}", file=sys.stderr)
    for reason in report.summary.invalid:
        print(f"ace-loadtest: the run is invalid: {reason}", file=sys.stderr)
