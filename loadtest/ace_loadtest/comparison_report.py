"""A comparison for people: its page, and what is kept beside it."""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from . import charts, histograms, setting
from .compare import SIDES, Comparison, Finding, Side
from .pages import Page, Section, milliseconds
from .plan import Plan
from .samples import merged

_SAID: Final = {
    "better": "B is better than A",
    "same": "B is as good as A",
    "worse": "B is worse than A",
    "undecided": "These rounds do not say whether B is worse or better than A: make more of them",
}
_FIGURES: Final = {"achieved_per_s": "answers a second", "errors": "share of errors"}


@dataclass(frozen=True)
class ComparisonReport:
    """A comparison of two plans that differ in their targets alone."""

    comparison: Comparison
    plans: dict[Side, Plan]
    started_at: datetime

    def write(self, folder: Path) -> Path:
        """The path of `report.html`, which it writes into the folder.

        Beside it `compare.json`, and of each side `A.csv` with every request of all rounds, whose times are from their
        round's beginning, and `A.hlog`.
        """
        for side in SIDES:
            recordings = self.comparison.recordings[side]
            samples = merged(recording.samples for recording in recordings)
            samples.write_csv(folder / f"{side}.csv")
            measured = samples.between(self.plans[side].warm_up_s)
            seconds = sum(recording.until_s for recording in recordings)
            histograms.write(folder / f"{side}.hlog", seconds, histograms.histogram(measured[measured.ok].latency_ms()))
        kept = {"targets": {side: str(self.plans[side].targets[0]) for side in SIDES}, **self.comparison.as_json()}
        (folder / "compare.json").write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
        page = folder / "report.html"
        page.write_text(self.as_html(), encoding="utf-8")
        return page

    def as_html(self) -> str:
        """The page."""
        banners = [("Invalid", reason) for reason in self.comparison.invalid]
        if not self.comparison.complete:
            done = f"{len(self.comparison.pairs)} of {self.comparison.rounds} rounds"
            banners.insert(0, ("Partial report", f"The comparison was interrupted after {done}."))
        subtitle = f"A is {self.plans['A'].targets[0]}, B is {self.plans['B'].targets[0]}."
        page = Page(self.said(), subtitle, banners, [self._ratios(), self._rounds(), self._setting()])
        return page.as_html()

    def said(self) -> str:
        """The verdict in words."""
        return _SAID[self.comparison.verdict()]

    def _ratios(self) -> Section:
        findings = self.comparison.findings()
        drawn = [
            (_name(each), each.ratio.value, each.ratio.low, each.ratio.high)
            for each in findings
            if each.figure != "errors"
        ]
        rows = [("", "B over A", "95 % interval", "B is"), *(_row(each) for each in findings)]
        note = (
            f"The geometric mean over {len(self.comparison.pairs)} rounds of B's figure over A's in the same round, of "
            f"errors the mean difference. Within {self.comparison.margin:.0%} both are the same."
        )
        return Section("Ratios", charts.ratios(drawn, self.comparison.margin), note, rows)

    def _rounds(self) -> Section:
        rows = [
            (
                f"{number}",
                *(milliseconds(each.latency_ms.get(name)) for name in ("p50", "p99") for each in pair),
                *(f"{each.error_share:.2%}" for each in pair),
            )
            for number, pair in enumerate(self.comparison.pairs, 1)
        ]
        header = ("round", "p50 of A, ms", "of B", "p99 of A, ms", "of B", "errors of A", "of B")
        return Section("Rounds", None, "A and B took turns, and who began alternated.", [header, *rows])

    def _setting(self) -> Section:
        plan = self.plans["A"]
        rows = [
            ("begun", f"{self.started_at:%Y-%m-%d %H:%M:%S %Z}"),
            ("load of each round", f"{plan.load}, {plan.load.seconds:g} s, of which {plan.warm_up_s:g} s warm up"),
            ("images", f"{plan.images}; {plan.mix.images} a request; seed {plan.seed}, one more each round"),
            ("machine", setting.machine()),
            ("software", setting.software()),
            ("commit", setting.commit()),
        ]
        return Section("Setting", None, "", rows)


def _name(finding: Finding) -> str:
    return _FIGURES.get(finding.figure, finding.figure)


def _row(finding: Finding) -> tuple[str, ...]:
    ratio = finding.ratio
    shown = (ratio.value, ratio.low, ratio.high)
    value, low, high = (f"{each:+.3%}" if finding.figure == "errors" else f"{each:.3f}" for each in shown)
    return _name(finding), value, f"{low} to {high}", finding.judgement
