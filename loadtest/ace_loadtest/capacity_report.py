"""A capacity search for people: the curve of latency over rate, and its trials as a table."""

from . import charts
from .capacity import Search, Trial
from .pages import Section, milliseconds

_SHOWN = ("p50", "p99")


def picture(search: Search) -> str | None:
    """The curve as SVG, with the capacity, the knee and the limits; None where nothing was answered."""
    answered = [trial for trial in search.curve if trial.summary.answered]
    if not answered:
        return None
    curves = {name: [(trial.per_s, trial.summary.latency_ms[name]) for trial in answered] for name in _SHOWN}
    marks = {"capacity": search.per_s, "knee": search.knee_per_s}
    limits_ms = [limit_ms for _, limit_ms in search.goal.slo.limits_ms]
    return charts.rate_latency(curves, {name: rate for name, rate in marks.items() if rate}, limits_ms)


def section(search: Search) -> Section:
    """The part of the page that is about the search; the rest is about its confirming run."""
    rows = [_row(trial) for trial in sorted(search.trials, key=lambda trial: trial.per_s)]
    header = ("requests a second", "p50, ms", "p99, ms", "errors", "")
    return Section(f"Capacity: {_found(search)}", picture(search), _note(search), [header, *rows])


def _found(search: Search) -> str:
    if search.per_s is None:
        return "none was confirmed"
    return f"{'at least ' * (search.limit == 'generator')}{search.per_s:.4g} requests a second"


def _note(search: Search) -> str:
    partial = "" if search.complete else "The search was interrupted: this is what it had found. "
    found = "which is the rest of this page" if search.per_s else "and none of them held"
    knee = f" The knee, where answers a second over their time is largest, is at {search.knee_per_s:.4g}/s."
    return (
        f"{partial}Poisson arrivals of which {search.goal.slo} hold: looked for by trials of "
        f"{search.goal.trial_s:g} s, to {search.goal.precision:.0%}, and confirmed by runs of "
        f"{search.goal.confirm_s:g} s, {found}."
        f"{knee if search.knee_per_s else ''}"
    )


def _row(trial: Trial) -> tuple[str, ...]:
    figures = trial.summary.latency_ms
    judged = "held" if trial.held else "; ".join((*trial.missed, *trial.summary.invalid))
    shown = (milliseconds(figures.get(name)) for name in _SHOWN)
    role = "" if trial.role == "search" else f" ({trial.role})"
    return (f"{trial.per_s:.4g}{role}", *shown, f"{trial.summary.error_share:.2%}", judged)
