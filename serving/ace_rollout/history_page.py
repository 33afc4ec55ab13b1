"""The history as one page: shares, errors, latency and drift of each canary over time, and every act with its reason.

The page loads nothing and runs nothing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from html import escape
from itertools import accumulate, pairwise
from pathlib import Path
from string import Template
from typing import Any, Final, TypeAlias

from .charts import Chart, Mark, svg
from .gates import Finding
from .history import PROMOTED, ROLLED_BACK, TAKEN_BACK, WATCHED, act

Entry: TypeAlias = Mapping[str, Any]
_LOADED: Final = {"canary loaded", "shadow loaded"}
_ENDS: Final = {PROMOTED, ROLLED_BACK, TAKEN_BACK}
_FIGURES: Final = {WATCHED, "canary held", "shadow watched", "shadow held"}  # entries that are there for their figures


@dataclass(frozen=True)
class Trial:
    """One canary, from its first entry to its last."""

    version: int
    entries: Sequence[Entry]

    @property
    def acts(self) -> list[Entry]:
        """What was done, without what was only seen."""
        return [entry for entry in self.entries if entry["what"] not in _FIGURES]

    def at_s(self, entry: Entry) -> float:
        """Seconds since it began; entries are in order, though their clock was set back meanwhile."""
        return self._seconds[id(entry)]

    @cached_property
    def _seconds(self) -> dict[int, float]:
        times = [datetime.fromisoformat(entry["at"]) for entry in self.entries]
        steps = (max((after - before).total_seconds(), 0.0) for before, after in pairwise(times))
        return dict(zip(map(id, self.entries), accumulate(steps, initial=0.0), strict=True))


def page(model: str, entries: Iterable[Entry]) -> str:
    """The page, the latest canary first."""
    found = list(entries)
    trials = list(_trials(found))
    in_trials = {id(entry) for trial in trials for entry in trial.entries}
    others = [entry for entry in found if id(entry) not in in_trials]
    sections = [_section(trial) for trial in reversed(trials)] or ["<p>No canary yet.</p>"]
    if others:
        sections.append(f"<section><h2>Other acts</h2>{_table(others)}</section>")
    template = Template(Path(__file__).with_suffix(".html").read_text(encoding="utf-8"))
    return template.substitute(model=escape(model), sections="\n".join(sections))


def _trials(entries: Sequence[Entry]) -> Iterator[Trial]:
    begun: list[Entry] = []
    for entry in entries:
        if entry["what"] in _LOADED and begun and entry["version"] != begun[0]["version"]:
            yield Trial(begun[0]["version"], begun)
            begun = []
        if begun or entry["what"] in _LOADED:
            begun.append(entry)
        if begun and entry["what"] in _ENDS:
            yield Trial(begun[0]["version"], begun)
            begun = []
    if begun:
        yield Trial(begun[0]["version"], begun)


def _section(trial: Trial) -> str:
    last = trial.entries[-1]
    end = {PROMOTED: "promoted", ROLLED_BACK: "rolled back", TAKEN_BACK: "taken back"}.get(last["what"], "under way")
    marks = [
        Mark(trial.at_s(each), number, each["what"] in (ROLLED_BACK, TAKEN_BACK))
        for number, each in enumerate(trial.acts, 1)
    ]
    pictures = "".join(_figure(chart, svg(chart, trial.at_s(last), marks)) for chart in _charts(trial))
    title = f"<h2>Version {trial.version}: {end} <small>{_when(trial.entries[0])}</small></h2>"
    return (
        f'<section class="{end.split()[0]}">{title}<div class="charts">{pictures}</div>{_table(trial.acts)}</section>'
    )


def _charts(trial: Trial) -> list[Chart]:
    both = {"stable": "stable", "canary": "canary"}
    return [
        Chart("Share of the calls", "%", {"canary": [*_shares(trial)]}, steps=True, reaches=100),
        Chart("Failed probes", "%", {label: [*_failed(trial, label)] for label in both}),
        Chart("p99 of the probes", "ms", {label: [*_values(trial, "p99", f"{label} ms")] for label in both}),
        Chart(
            "Drift of the scores (PSI)",
            "",
            {"canary": [*_values(trial, "drift", "psi")]},
            limit=next((value for _, value in _values(trial, "drift", "of")), None),
        ),
    ]


def _shares(trial: Trial) -> Iterator[tuple[float, float]]:
    for entry in trial.entries:
        if entry["what"] in {ROLLED_BACK, TAKEN_BACK, *_LOADED}:
            yield trial.at_s(entry), 0.0
        elif entry["what"] == PROMOTED:
            yield trial.at_s(entry), 100.0
        elif "share" in entry:
            yield trial.at_s(entry), entry["share"]


def _failed(trial: Trial, label: str) -> Iterator[tuple[float, float]]:
    """Of the pairs since the entry before; of all, where the counting has begun anew."""
    before = (0, 0)
    for entry in trial.entries:
        if figures := _figures(entry, "errors"):
            now = figures["pairs"], figures[f"{label} failed"]
            pairs, failed = (new - old for new, old in zip(now, before if now[0] >= before[0] else (0, 0), strict=True))
            if pairs:
                yield trial.at_s(entry), 100 * failed / pairs
            before = now


def _values(trial: Trial, gate: str, figure: str) -> Iterator[tuple[float, float]]:
    for entry in trial.entries:
        if figure in (figures := _figures(entry, gate)):
            yield trial.at_s(entry), figures[figure]


def _figures(entry: Entry, gate: str) -> Mapping[str, Any]:
    evidence = entry.get("evidence") or []
    findings = evidence if isinstance(evidence, list) else []  # words, where a promotion failed
    return next((finding["figures"] for finding in findings if finding["gate"] == gate), {})


def _figure(chart: Chart, picture: str) -> str:
    names = chart.lines if len(chart.lines) > 1 else ()
    legend = "".join(f'<i class="{name}"></i>{name} ' for name in names)
    limit = '<i class="limit"></i>fails above' if chart.limit is not None else ""
    return f"<figure><figcaption>{escape(chart.title)} <span>{legend}{limit}</span></figcaption>{picture}</figure>"


def _table(acts: Sequence[Entry]) -> str:
    rows = "".join(
        f"<tr><td>{number}<td>{_when(each)}<td>{escape(act(each))}<td>{escape(each['who'])}"
        f"<td>{escape(str(each.get('why') or ''))}{_evidence(each)}"
        for number, each in enumerate(acts, 1)
    )
    return f"<table><tr><th><th>when<th>what<th>who<th>why{rows}</table>"


def _when(entry: Entry) -> str:
    return f"{datetime.fromisoformat(entry['at']):%Y-%m-%d %H:%M:%S} UTC"


def _evidence(entry: Entry) -> str:
    evidence = entry.get("evidence")
    if not isinstance(evidence, list):
        return f"<p>{escape(evidence)}" if evidence else ""
    words = "".join(f"<li>{escape(str(Finding(**each)))}" for each in evidence)
    return f"<details><summary>figures</summary><ul>{words}</ul></details>"
