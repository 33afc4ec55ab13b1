"""What is kept of a run: `report.html` for people, `report.json` for programs, `samples.csv` and histograms for all."""

import base64
import json
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cached_property
from importlib.metadata import version
from os import cpu_count
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from . import charts, histograms
from .loads import Closed
from .plan import Plan
from .recording import Recording
from .samples import Samples
from .summary import BUSY, Summary, summarize


@dataclass(frozen=True, slots=True)
class Section:
    """What more than one run showed: a picture as SVG where there is one, a note, and a table under its first row."""

    title: str
    svg: str | None
    note: str
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Report:
    """A run's figures and its samples, with all that is needed to read them; `sections` come first on the page."""

    plan: Plan
    recording: Recording
    started_at: datetime
    sections: tuple[Section, ...] = ()

    @cached_property
    def summary(self) -> Summary:
        """The figures."""
        return summarize(self.plan, self.recording)

    def write(self, folder: Path) -> Path:
        """The path of `report.html`, which it writes into the folder, and with it the others.

        `report.json` has all figures, `samples.csv` every request, those of the warm-up too; `intended.hlog` and
        `sent.hlog` are HdrHistogram logs of the answers' latencies after the warm-up.
        """
        self.recording.samples.write_csv(folder / "samples.csv")
        measured = self.recording.samples.between(self.plan.warm_up_s)
        for origin in ("intended", "sent"):
            histogram = histograms.histogram(measured[measured.ok].latency_ms(origin))
            histograms.write(folder / f"{origin}.hlog", self.recording.until_s, histogram)
        (folder / "report.json").write_text(json.dumps(self.as_json(), indent=2) + "\n", encoding="utf-8")
        page = folder / "report.html"
        page.write_text(self.as_html(), encoding="utf-8")
        return page

    def as_json(self) -> dict[str, Any]:
        """All figures, and how they came about."""
        plan, load = self.plan, self.plan.load
        return {
            "complete": self.recording.complete,
            "started_at": self.started_at.isoformat(timespec="seconds"),
            "target": plan.targets[0].address,
            "targets": [str(target) for target in plan.targets],
            "model": plan.targets[0].model,
            "images": str(plan.images),
            "loop": "open" if plan.is_open else "closed",
            "load": str(load),
            "users": load.users if isinstance(load, Closed) else None,
            "seconds": load.seconds,
            "seed": plan.seed,
            "deadline_s": plan.deadline_s,
            "channels": plan.channels,
            "images_a_request": str(plan.mix.images),
            "bad_share": plan.mix.bad,
            "unique_bytes": plan.mix.unique,
            **self.summary.as_json(),
            "generator_busy": max((each.busy for each in self.recording.generators), default=0.0),
            "generators": [asdict(each) for each in self.recording.generators],
            "machine": _machine(),
            "software": _software(),
        }

    def as_html(self) -> str:
        """One page that needs nothing else: styles and pictures are in it."""
        environment = Environment(
            loader=PackageLoader(__package__ or "ace_loadtest"), autoescape=True, undefined=StrictUndefined
        )
        environment.filters["ms"] = milliseconds
        return environment.get_template("report.html").render(
            report=self.as_json(),
            began=self.started_at.strftime("%Y-%m-%d %H:%M:%S %Z"),
            busy=any(each.busy >= BUSY for each in self.recording.generators),
            sections=[(each, _encoded(each.svg)) for each in self.sections],
            pictures=_pictures(self.recording.samples, self.plan.warm_up_s + self.summary.duration_s),
        )


def _pictures(samples: Samples, duration_s: float) -> list[tuple[str, str]]:
    drawn = [("Latency over time", charts.latency_over_time(samples, duration_s))]
    drawn.append(("Answers over time", charts.answers_over_time(samples, duration_s)))
    if samples.ok.any():
        drawn.append(("Distribution of latencies", charts.histogram(samples[samples.ok].latency_ms())))
    return [(title, _encoded(svg)) for title, svg in drawn]


def _encoded(svg: str | None) -> str:
    return base64.b64encode((svg or "").encode()).decode()


def milliseconds(value: float | None) -> str:
    """Three digits of it."""
    if value is None:
        return "?"
    return f"{value:,.0f}" if value >= 100 else f"{value:#.3g}"


def _machine() -> str:
    return f"{cpu_count()} processors, {platform.system()} {platform.machine()}"


def _software() -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in ("grpcio", "locust", "numpy"))
    return f"Python {platform.python_version()}, {packages}"
