"""`ace-loadtest`: load on a served detector, and a report of what it showed."""

import argparse
import sys
from datetime import datetime
from pathlib import Path

from ace_client.arguments import add_security, security

from .errors import LoadTestError, NotWritable
from .payload import read_images
from .plan import Plan


def main(argv: list[str] | None = None) -> int:
    """Parses the arguments, runs the load, prints the report's path.

    The exit status: 0 done, 1 nothing could be measured, 2 wrong arguments, 130 interrupted (with a partial report).
    """
    parser = _parser()
    options = parser.parse_args(argv)
    given = {name: getattr(options, name) for name in ("target", "images", "model", "users", "seconds", "deadline_s")}
    try:
        plan = Plan(**given, security=security(options))
    except ValueError as error:
        parser.error(str(error))
    try:
        return _measure(plan, options.out)
    except LoadTestError as error:
        print(f"ace-loadtest: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("ace-loadtest: interrupted", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ace-loadtest",
        usage="ace-loadtest 127.0.0.1:8500 --users 8 --seconds 20 --images faces/test [option ...]",
        description="Put a closed loop of callers on a served detector. Writes report.html and report.json, and prints "
        "the path of report.html.",
    )
    parser.add_argument("target", metavar="HOST:PORT", help="where the detector is served (gRPC)")
    parser.add_argument("--images", type=Path, required=True, metavar="DIR", help="the images to send, also in folders")
    parser.add_argument("--users", type=int, default=Plan.users, metavar="N", help="callers; default: %(default)s")
    parser.add_argument(
        "--seconds", type=float, default=Plan.seconds, metavar="S", help="how long; default: %(default)s"
    )
    parser.add_argument("--model", default=Plan.model, metavar="NAME", help="default: %(default)s")
    parser.add_argument(
        "--deadline-s", type=float, default=Plan.deadline_s, metavar="S", help="seconds a request; default: %(default)s"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="for the report; default: runs/loadtest/<time>")
    add_security(parser)
    return parser


def _measure(plan: Plan, out: Path | None) -> int:
    images = read_images(plan.images)
    from . import load, progress, users  # Locust, and with it gevent: only now, --help and most errors need neither
    from .report import Report

    errand = users.Errand(images, plan.model, plan.deadline_s, plan.security)
    load.check(plan, errand)
    started_at = datetime.now().astimezone()
    folder = _created(out or Path("runs/loadtest") / started_at.strftime("%Y-%m-%dT%H-%M-%S"))
    recording = load.run(plan, errand, lambda recorder: progress.show(recorder, plan.seconds, sys.stderr))
    progress.end(sys.stderr)
    report = Report(plan, recording, started_at)
    print(report.write(folder))
    if not recording.complete:
        print("ace-loadtest: interrupted; the report is of what was measured until then", file=sys.stderr)
        return 130
    if not report.summary.answered:
        print(f"ace-loadtest: not one request was answered: {report.summary.errors}", file=sys.stderr)
        return 1
    return 0


def _created(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NotWritable(f"cannot write a report into {folder}: {error.strerror}. Pass another --out.") from error
    return folder


if __name__ == "__main__":
    sys.exit(main())
