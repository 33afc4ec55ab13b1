"""What is kept of a run: `report.html` for people, `report.json` for programs."""

import base64
import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from os import cpu_count
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from . import charts
from .plan import Plan
from .samples import OK, Recording, Sample
from .summary import Summary, summarize

_BUSY = 0.9  # processor seconds a second from which this single-threaded generator measures itself


@dataclass(frozen=True, slots=True)
class Report:
    """A run's figures and its samples, with all that is needed to read them."""

    plan: Plan
    recording: Recording
    started_at: datetime

    @property
    def summary(self) -> Summary:
        """The figures."""
        return summarize(self.recording.samples, self.recording.duration_s)

    def write(self, folder: Path) -> Path:
        """The path of `report.html`, which it writes into the folder together with `report.json`."""
        (folder / "report.json").write_text(json.dumps(self.as_json(), indent=2) + "\n", encoding="utf-8")
        page = folder / "report.html"
        page.write_text(self.as_html(), encoding="utf-8")
        return page

    def as_json(self) -> dict[str, Any]:
        """All figures, and how they came about."""
        return {
            "complete": self.recording.complete,
            "started_at": self.started_at.isoformat(timespec="seconds"),
            "target": self.plan.target,
            "model": self.plan.model,
            "images": str(self.plan.images),
            "loop": "closed",
            "users": self.plan.users,
            "seconds": self.plan.seconds,
            "deadline_s": self.plan.deadline_s,
            **self.summary.as_json(),
            "generator_busy": self.recording.generator_busy,
            "machine": _machine(),
            "software": _software(),
        }

    def as_html(self) -> str:
        """One page that needs nothing else: styles and pictures are in it."""
        environment = Environment(
            loader=PackageLoader(__package__ or "ace_loadtest"), autoescape=True, undefined=StrictUndefined
        )
        environment.filters["ms"] = _milliseconds
        return environment.get_template("report.html").render(
            report=self.as_json(),
            began=self.started_at.strftime("%Y-%m-%d %H:%M:%S %Z"),
            busy=self.recording.generator_busy >= _BUSY,
            pictures=_pictures(self.recording.samples, self.recording.duration_s),
        )


def _pictures(samples: Sequence[Sample], duration_s: float) -> list[tuple[str, str]]:
    drawn = [("Latency over time", charts.latency_over_time(samples, duration_s))]
    drawn.append(("Answers over time", charts.answers_over_time(samples, duration_s)))
    if latencies_ms := [sample.latency_ms for sample in samples if sample.status == OK]:
        drawn.append(("Distribution of latencies", charts.histogram(latencies_ms)))
    return [(title, base64.b64encode(svg.encode()).decode()) for title, svg in drawn]


def _milliseconds(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:#.3g}"


def _machine() -> str:
    return f"{cpu_count()} processors, {platform.system()} {platform.machine()}"


def _software() -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in ("grpcio", "locust", "numpy"))
    return f"Python {platform.python_version()}, {packages}"
