"""The flags that commands share, and the plan that they say."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from ace_client.arguments import add_security, security
from ace_client.contract import MODEL_NAME
from ace_loadtest.arrivals import Profile, constant, ramp, spike, steps
from ace_loadtest.loads import Closed, Load, Open, Replay
from ace_loadtest.payload import Mix, Source
from ace_loadtest.plan import Plan, Target
from ace_loadtest.shares import parse

USERS: Final = 8
SECONDS: Final = 20.0


def add_target(parser: argparse.ArgumentParser) -> None:
    """Adds HOST:PORT and what is said of it."""
    parser.add_argument("target", metavar="HOST:PORT", help="where the detector is served (gRPC)")
    add_asked(parser)


def add_asked(parser: argparse.ArgumentParser) -> None:
    """Adds the flags for what is asked of a target, and how it is called."""
    parser.add_argument(
        "--ask", metavar="SHARES", help="versions or labels by share: stable=9,canary=1; default: newest"
    )
    add_calls(parser)


def add_metrics(parser: argparse.ArgumentParser) -> None:
    """Adds the flag for where the server says what it does."""
    parser.add_argument(
        "--metrics", metavar="HOST:PORT", help="the server's REST API, whose metrics are read meanwhile; default: none"
    )


def add_calls(parser: argparse.ArgumentParser) -> None:
    """Adds the flags for how targets are called."""
    parser.add_argument("--model", default=MODEL_NAME, metavar="NAME", help="default: %(default)s")
    parser.add_argument(
        "--deadline-s", type=float, default=Plan.deadline_s, metavar="S", help="seconds a request; default: %(default)s"
    )
    parser.add_argument(
        "--channels", type=int, default=Plan.channels, metavar="N", help="connections; default: %(default)s"
    )
    add_security(parser)


def add_payload(parser: argparse.ArgumentParser) -> None:
    """Adds the flags for what is sent."""
    sources = parser.add_mutually_exclusive_group(required=True)
    sources.add_argument("--images", metavar="DIR", help="the images to send, also in folders")
    sources.add_argument(
        "--draw", metavar="SHARES", help="draw them instead, by size and format: 640x480.jpg=3,99x99.png=1"
    )
    add_mix(parser)


def add_mix(parser: argparse.ArgumentParser) -> None:
    """Adds the flags for how requests are made of images."""
    parser.add_argument("--images-a-request", default="1", metavar="SHARES", help="8, or 1=9,8=1; default: %(default)s")
    parser.add_argument(
        "--bad", type=float, default=0.0, metavar="SHARE", help="of requests without an image; default: 0"
    )
    parser.add_argument("--same-bytes", action="store_true", help="send images as they are, so that a cache may help")
    parser.add_argument("--seed", type=int, default=Plan.seed, metavar="N", help="of all that is drawn; default: 0")


def add_load(parser: argparse.ArgumentParser, seconds: float = SECONDS) -> None:
    """Adds the flags for when requests are sent, and by how many callers; `load_of` is told the same seconds."""
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument(
        "--users", type=int, default=USERS, metavar="N", help="callers that wait for answers; default: %(default)s"
    )
    add_arrivals(parser, kind, seconds)


def add_arrivals(
    parser: argparse.ArgumentParser,
    kind: Any,  # argparse's own type has no public name
    seconds: float = SECONDS,
) -> None:
    """Adds the flags for when requests are sent; those that make the load an open one to `kind`."""
    kind.add_argument("--rate", type=float, metavar="R", help="requests a second that wait for no answer")
    kind.add_argument("--trace", metavar="FILE", help="requests at recorded times, in seconds, instead")
    parser.add_argument("--think", type=float, default=0.0, metavar="S", help="of each user, on average; default: 0")
    parser.add_argument(
        "--shape",
        default="constant",
        metavar="SHAPE",
        help="of --rate: constant, ramp:R2, steps:R2,R3,..., spike:R2 (at 40 to 50 %% of the time); default: constant",
    )
    parser.add_argument(
        "--arrivals", choices=("poisson", "constant"), default="poisson", help="of --rate; default: %(default)s"
    )
    parser.add_argument("--speed", type=float, default=1.0, metavar="X", help="of --trace; default: %(default)s")
    parser.add_argument(
        "--seconds", type=float, metavar="S", help=f"how long, but of --trace, which says it; default: {seconds:g}"
    )
    parser.add_argument(
        "--warm-up", type=float, default=0.0, metavar="S", help="seconds that count in no figure; default: 0"
    )


def add_out(parser: argparse.ArgumentParser) -> None:
    """Adds the flag for where the report goes."""
    parser.add_argument("--out", type=Path, metavar="DIR", help="for the report; default: runs/loadtest/<time>")


def plan_of(options: argparse.Namespace) -> Plan:
    """What the flags of all groups above say.

    Raises:
        ValueError: they say nothing that can be done.
        BadTrace: --trace does.
    """
    return plan_with(options, load_of(options))


def plan_with(options: argparse.Namespace, load: Load, targets: tuple[Target, ...] | None = None) -> Plan:
    """What the flags say but those for when requests are sent."""
    return Plan(
        targets=targets_of(options) if targets is None else targets,
        images=source_of(options),
        load=load,
        mix=mix_of(options),
        warm_up_s=options.warm_up,
        deadline_s=options.deadline_s,
        channels=options.channels,
        seed=options.seed,
        metrics=getattr(options, "metrics", None),
    )


def targets_of(options: argparse.Namespace) -> tuple[Target, ...]:
    """The versions and labels that are asked at the one address."""
    target = Target(address=options.target, model=options.model, security=security(options))
    if not options.ask:
        return (target,)
    asked = parse(options.ask, str)
    return tuple(
        replace(target, weight=weight, **({"version": int(name)} if name.isdecimal() else {"label": name}))
        for name, weight in zip(asked.values, asked.weights, strict=True)
    )


def target_named(options: argparse.Namespace, name: str) -> Target:
    """The target that HOST:PORT, HOST:PORT/VERSION, HOST:PORT/LABEL or http://... names."""
    pinned = ""
    if "/" in name and "://" not in name:
        name, _, pinned = name.rpartition("/")
    which = {"version": int(pinned)} if pinned.isdecimal() else {"label": pinned or None}
    return Target(address=name, model=options.model, security=security(options), **which)


def source_of(options: argparse.Namespace) -> Source:
    """The folder, or what is drawn."""
    return parse(options.draw, str) if options.draw else Path(options.images)


def mix_of(options: argparse.Namespace) -> Mix:
    """How requests are made of images."""
    return Mix(images=parse(options.images_a_request, int), bad=options.bad, unique=not options.same_bytes)


def load_of(options: argparse.Namespace, seconds: float = SECONDS) -> Load:
    """When requests are sent, for so many seconds where no flag says otherwise."""
    given = options.seconds not in (None, "")  # the latter from Locust's page, as below
    if options.trace:
        if given:
            raise ValueError(f"--seconds is {options.seconds}, and --trace says how long: pass one of them, or --speed")
        return Replay(Path(options.trace), options.speed)
    seconds = float(options.seconds) if given else seconds
    if options.rate not in (None, ""):
        return Open(profile_of(options.shape, float(options.rate), seconds), options.arrivals)
    if options.users < 1:
        raise ValueError(f"{options.users} users make no load: give at least 1")
    return Closed(options.users, seconds, options.think)


def profile_of(shape: str, rate: float, seconds: float) -> Profile:
    """The rate over time that --shape says, beginning with `rate`.

    Raises:
        ValueError: it says none.
    """
    name, _, rest = shape.partition(":")
    try:
        rates = [float(each) for each in rest.split(",")] if rest else []
    except ValueError:
        name = ""
    if name == "constant" and not rest:
        return constant(rate, seconds)
    if name == "ramp" and len(rates) == 1:
        return ramp(rate, rates[0], seconds)
    if name == "steps" and rates:
        return steps((rate, *rates), seconds)
    if name == "spike" and len(rates) == 1:
        return spike(rate, rates[0], seconds)
    raise ValueError(f"--shape is {shape}: write constant, ramp:200, steps:100,200 or spike:500")
