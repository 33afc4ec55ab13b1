"""What is kept of a run: `report.html` for people, `report.json` for programs, `samples.csv` and histograms for all."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from . import charts, histograms, setting, use_charts
from .loads import Closed
from .pages import Page, Section, render
from .plan import Plan
from .recording import Recording
from .samples import Samples
from .server_use import Use, use
from .summary import BUSY, Summary, summarize


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

    @cached_property
    def use(self) -> Use:
        """What the server and the generators used, as far as it is known."""
        return use(self.recording.observed)

    def write(self, folder: Path) -> Path:
        """The path of `report.html`, which it writes into the folder, and with it the others.

        `report.json` has all figures, `samples.csv` every request, those of the warm-up too; `intended.hlog` and
        `sent.hlog` are HdrHistogram logs of the answers' latencies after the warm-up, `.hgrm` their percentiles as
        text; `report.md` is a summary for a pull request.
        """
        self.recording.samples.write_csv(folder / "samples.csv")
        measured = self.recording.samples.between(self.plan.warm_up_s)
        for origin in ("intended", "sent"):
            histogram = histograms.histogram(measured[measured.ok].latency_ms(origin))
            histograms.write(folder / f"{origin}.hlog", self.recording.until_s, histogram)
            histograms.write_percentiles(folder / f"{origin}.hgrm", histogram)
        (folder / "report.json").write_text(json.dumps(self.as_json(), indent=2) + "\n", encoding="utf-8")
        (folder / "report.md").write_text(self.as_markdown(), encoding="utf-8")
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
            "machine": setting.machine(),
            "software": setting.software(),
            "use": self.use.as_json(),
            "commit": setting.commit(),
        }

    def as_html(self) -> str:
        """One page that needs nothing else: styles and pictures are in it."""
        figures = self.as_json()
        began = self.started_at.strftime("%Y-%m-%d %H:%M:%S %Z")
        page = Page(
            title=f"{figures['model']} at {figures['target']}",
            subtitle=f"{self.summary.requests:,} requests in {self.summary.duration_s:.1f} s, begun {began}: "
            f"{self.plan.load}.",
            banners=self._banners(),
            sections=self.sections,
        )
        end_s = self.plan.warm_up_s + self.summary.duration_s
        drawn = [*_pictures(self.recording.samples, self.plan.warm_up_s, end_s), *use_charts.pictures(self.use)]
        return page.as_html("report.html", report=figures, pictures=drawn)

    def as_markdown(self) -> str:
        """What a pull request is to show."""
        return render("report.md", report=self.as_json())

    def _banners(self) -> list[tuple[str, str]]:
        banners = [("Invalid", f"The load was not the one that was planned: {each}") for each in self.summary.invalid]
        busiest = max((each.busy for each in self.recording.generators), default=0.0)
        if busiest >= BUSY:
            text = f"It used {busiest:.0%} of one processor: latencies contain its own waiting."
            banners.append(("The generator was the limit", f"{text} The server could do more."))
        if not self.recording.complete:
            text = f"The load was interrupted before its {self.plan.load.seconds:g} s were over."
            banners.insert(0, ("Partial report", f"{text} The figures are of what was measured until then."))
        return banners


def _pictures(samples: Samples, warm_up_s: float, duration_s: float) -> list[tuple[str, str]]:
    drawn = [("Latency over time", charts.latency_over_time(samples, duration_s))]
    drawn.append(("Answers over time", charts.answers_over_time(samples, duration_s)))
    if not samples.ok.all():
        drawn.append(("Errors over time", charts.errors_over_time(samples, duration_s)))
    measured = samples.between(warm_up_s)
    if measured.ok.any():
        drawn.append(("Distribution of latencies", charts.histogram(measured[measured.ok].latency_ms())))
    return drawn
