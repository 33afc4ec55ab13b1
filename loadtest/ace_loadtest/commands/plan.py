"""`ace-loadtest plan --curve 1=40ms,8=90ms --slo p99=400ms`: replicas, processors, network and money for a rate."""

import argparse
import json
import re
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from ace_loadtest.errors import SloOutOfReach
from ace_loadtest.scaling import Curve, Machine, Replica, needs

_UNITS_S: Final = {"us": 1e-6, "ms": 1e-3, "s": 1.0}
_POINT: Final = re.compile(r"(\d+)=(\d+\.?\d*)(us|ms|s)")
_SLO: Final = re.compile(r"p(\d+\.?\d*)=(\d+\.?\d*)(us|ms|s)")


def add(commands: Any) -> None:  # argparse's own type has no public name
    """Adds the command to those of the package."""
    parser = commands.add_parser(
        "plan",
        usage="ace-loadtest plan --curve 1=40ms,8=90ms,32=280ms --slo p99=400ms --rates 100,1000,10000 [option ...]",
        help="what a rate needs: replicas, processors, network, money; by simulation",
    )
    parser.set_defaults(command=_plan, plan=_work)
    parser.description = (
        "Simulates replicas that take what waits, up to the largest batch of the curve, and says how many a rate needs "
        "and what saturates first. It knows nothing of a machine but what it is told: measure the curve where you will "
        "serve (`ace-export tune`, `make gpu-check`), and hold one replica to the promise by `ace-loadtest capacity`."
    )
    curve = parser.add_mutually_exclusive_group(required=True)
    curve.add_argument("--curve", metavar="N=TIME,...", help="how long a run of N images takes")
    curve.add_argument("--gpu", type=Path, metavar="FILE", help="runs/gpu.json of make gpu-check, with --as")
    add_argument = parser.add_argument
    add_argument("--as", default="float32", metavar="P[,xla]", help="the precision of --gpu; default: %(default)s")
    add_argument("--slo", required=True, metavar="LIMIT", help="p99=400ms")
    add_argument(
        "--rates", default="100,1000,10000,100000", metavar="N,N", help="images a second; default: %(default)s"
    )
    add_argument(
        "--runners", type=int, default=Replica.runners, metavar="N", help="runs at a time; default: %(default)s"
    )
    add_argument(
        "--overhead-ms", type=float, default=5.0, metavar="MS", help="to the runner and back; default: %(default)s"
    )
    add_argument("--cores", type=float, default=Machine.cores, metavar="N", help="of a replica; default: %(default)s")
    add_argument(
        "--decode-ms",
        type=float,
        default=Machine.decode_s * 1e3,
        metavar="MS",
        help="of one core, an image, where the curve leaves decoding out; default: %(default)s",
    )
    add_argument("--image-kb", type=float, default=Machine.image_bytes / 1e3, metavar="KB", help="default: %(default)s")
    add_argument(
        "--gbit", type=float, default=Machine.network_bits_per_s / 1e9, metavar="N", help="default: %(default)s"
    )
    add_argument("--price", type=float, default=0.0, metavar="X", help="of a replica an hour; default: %(default)s")
    add_argument("--json", action="store_true", help="print JSON instead of a table")


def curve_of(text: str) -> Curve:
    """From `1=40ms,8=90ms`.

    Raises:
        ValueError: it is written otherwise, or is no curve.
    """
    found = [_POINT.fullmatch(part.strip()) for part in text.split(",")]
    if not all(found):
        raise ValueError(f"--curve is {text}: write batch sizes and times as 1=40ms,8=90ms")
    return Curve({int(each[1]): float(each[2]) * _UNITS_S[each[3]] for each in found if each})


def curve_in(file: Path, precision: str, *, xla: bool) -> Curve:
    """The median run of each batch of decoded images in what `make gpu-check` wrote.

    Raises:
        ValueError: the file cannot be read, or has no such runs.
    """
    try:
        rows = json.loads(file.read_text(encoding="utf-8"))["runs"]
        wanted = ("pixels", precision, xla)
        found = [row for row in rows if (row["signature"], row["precision"], row["xla"]) == wanted]
        run_s = {row["batch"]: row["p50_ms"] / 1e3 for row in found}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"--gpu is {file}, which is not what make gpu-check writes: {error}") from error
    if not run_s:
        raise ValueError(f"{file} has no runs in {precision}{' with XLA' * xla}: pass another --as")
    longest = 0.0
    for batch in sorted(run_s):  # a median may fall by chance
        longest = run_s[batch] = max(longest, run_s[batch])
    return Curve(run_s)


def _work(options: argparse.Namespace) -> tuple[Replica, Machine, tuple[float, float], list[float]]:
    precision, _, xla = vars(options)["as"].partition(",")
    curve = curve_of(options.curve) if options.curve else curve_in(options.gpu, precision, xla=xla == "xla")
    slo = _SLO.fullmatch(options.slo.strip())
    rates = [float(rate) for rate in options.rates.split(",")]
    if slo is None or not float(slo[1]) < 100:
        raise ValueError(f"--slo is {options.slo}: write p99=400ms")
    if min(rates) <= 0 or options.runners < 1:
        raise ValueError("--rates and --runners are numbers above 0")
    machine = Machine(
        cores=options.cores,
        decode_s=options.decode_ms / 1e3,
        image_bytes=options.image_kb * 1e3,
        network_bits_per_s=options.gbit * 1e9,
        price_per_hour=options.price,
    )
    limit = float(slo[1]) / 100, float(slo[2]) * _UNITS_S[slo[3]]
    return Replica(curve, options.runners, options.overhead_ms / 1e3), machine, limit, rates


def _plan(options: argparse.Namespace, work: tuple[Replica, Machine, tuple[float, float], list[float]]) -> int:
    replica, machine, (quantile, limit_s), rates = work
    per_replica = replica.highest_rate(quantile, limit_s)
    if not per_replica:
        raise SloOutOfReach(
            f"{options.slo} is missed by one image alone, or once two meet. Allow more, or find a faster setting."
        )
    found = list(needs(rates, replica, machine, per_replica))
    most = replica.curve.most_per_s * replica.runners
    if options.json:
        print(json.dumps({"per_replica": per_replica, "most_per_s": most, "needs": [asdict(need) for need in found]}))
        return 0
    print(
        f"A replica keeps {options.slo} up to {per_replica:,.4g} images/s, {per_replica / most:.0%} of all it can do.\n"
    )
    print("| images/s | replicas | p50, p99 ms | cores to decode | Gbit/s | saturates first | per million images |")
    print("|---|---|---|---|---|---|---|")
    for need in found:
        price = f"{need.price_per_million:,.2f}" if machine.price_per_hour else "no --price"
        print(
            f"| {need.per_s:,.0f} | {need.replicas:,} | {need.p50_s * 1e3:,.0f}, {need.p99_s * 1e3:,.0f} "
            f"| {need.decode_cores:,.1f} | {need.gbit_per_s:,.2f} | {need.first} | {price} |"
        )
    print("\nAdd one replica for those that restart or fail, more where arrivals come in bursts.", file=sys.stderr)
    return 0
