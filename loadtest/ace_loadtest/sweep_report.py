"""A sweep for people."""

from datetime import datetime

from . import setting
from .capacity import Goal
from .pages import Page, Section, milliseconds
from .sweep import Candidate, Sweep


def page(sweep: Sweep, goal: Goal, started_at: datetime) -> Page:
    """Its settings by their capacity, the best first."""
    banners = []
    if not sweep.complete:
        done = f"{len(sweep.done)} of {len(sweep.settings)} settings"
        banners.append(("Partial report", f"The sweep was interrupted after {done}."))
    best = sweep.best
    if sweep.undecided:
        banners.append(("Undecided", "The generator was the limit of a setting, which may be better than is shown."))
    found = "Best found" if sweep.undecided else "Best"
    title = f"{found}: {_named(best)}, {best.rate} requests a second" if best else "No setting keeps it"
    order = sorted(sweep.done, key=lambda each: -each.per_s)
    header = (*sweep.values, "requests a second", "p50, ms", "p99, ms", "")
    rows = [header, *(_row(each, each is best) for each in order)]
    note = f"The highest rates of Poisson arrivals of which {goal.slo} hold, confirmed for {goal.confirm_s:g} s."
    made = [
        ("server", sweep.command),
        ("begun", f"{started_at:%Y-%m-%d %H:%M:%S %Z}"),
        ("machine", setting.machine()),
        ("software", setting.software()),
        ("commit", setting.commit()),
    ]
    sections = [Section("Settings", None, note, rows), Section("Setting of the sweep", rows=made)]
    return Page(title, f"A server with {len(sweep.done)} settings in turn.", banners, sections)


def _named(candidate: Candidate) -> str:
    return ", ".join(f"{name}={value}" for name, value in candidate.setting.items())


def _row(candidate: Candidate, best: bool) -> tuple[str, ...]:
    trials = candidate.search.trials if candidate.search and candidate.per_s else []
    figures = next((each.summary.latency_ms for each in reversed(trials) if each.role == "confirm"), {})
    shown = (milliseconds(figures[name]) if figures else "–" for name in ("p50", "p99"))
    said = "best" if best else (candidate.failure or "").partition("\n")[0]
    rate = candidate.rate if candidate.per_s else "–"
    return (*candidate.setting.values(), rate, *shown, said)
