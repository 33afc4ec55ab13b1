"""The pictures of a report, as SVG."""

import io
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from .samples import STATUSES, Floats, Samples
from .summary import PERCENTILES, latency_figures

STYLE: dict[Any, Any] = {
    "axes.edgecolor": "#c3c8d0",
    "axes.grid": True,
    "axes.labelcolor": "#5b6472",
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.family": "sans-serif",
    "font.sans-serif": ["Inter", "Segoe UI", "Helvetica Neue", "Arial", "DejaVu Sans"],
    "font.size": 11,
    "grid.color": "#e8ebef",
    "legend.frameon": False,
    "svg.fonttype": "none",  # the reader's own fonts: sharper, and a tenth of the size
    "svg.hashsalt": "ace",
    "xtick.color": "#5b6472",
    "ytick.color": "#5b6472",
}
BLUES = ["#93c5fd", "#60a5fa", "#2563eb", "#1e3a8a"]
COLOURS = ["#1d4ed8", "#f59e0b", "#10b981", "#8b5cf6"]
_RED = "#dc2626"
_WINDOWS = 40


@rc_context(STYLE)
def latency_over_time(samples: Samples, duration_s: float) -> str:
    """Bands up to the percentiles of each short window, errors as red marks, a new version as a dashed line."""
    figure, axes = figure_of("seconds since the load began", "latency, ms")
    edges = _edges(duration_s)
    answered = samples[samples.ok]
    windows = _by_window(answered, edges)
    middles, lowest = (edges[:-1] + edges[1:]) / 2, np.zeros(len(windows))
    for percent, colour in zip(PERCENTILES, reversed(BLUES), strict=True):
        values = np.array([latency_figures(each)[f"p{percent}"] if each.size else np.nan for each in windows])
        axes.fill_between(middles, lowest, values, color=colour, linewidth=0, label=f"p{percent}")
        lowest = values
    _mark_errors(axes, samples)
    _mark_versions(axes, answered)
    axes.set_xlim(0, duration_s)
    axes.set_ylim(bottom=0)
    legend(axes)
    return svg_of(figure)


@rc_context(STYLE)
def answers_over_time(samples: Samples, duration_s: float) -> str:
    """Answers a second in each short window, by the version that gave them, and errors on top."""
    figure, axes = figure_of("seconds since the load began", "answers a second")
    edges = _edges(duration_s)
    answered, failed = samples[samples.ok].rows, samples[~samples.ok].rows["ended_s"]
    versions = np.unique(answered["version"]).tolist()
    colours = [COLOURS[position % len(COLOURS)] for position in range(len(versions))]
    groups = [answered["ended_s"][answered["version"] == one] for one in versions]
    labels = [f"version {version}" for version in versions]
    if failed.size:
        groups, labels, colours = [*groups, failed], [*labels, "errors"], [*colours, _RED]
    bottom = np.zeros(len(edges) - 1)
    for group, label, colour in zip(groups, labels, colours, strict=True):
        rates = np.histogram(group, edges)[0] / np.diff(edges)
        axes.bar(edges[:-1], rates, np.diff(edges), bottom, align="edge", color=colour, label=label, edgecolor="white")
        bottom += rates
    axes.set_xlim(0, duration_s)
    legend(axes)
    return svg_of(figure)


@rc_context(STYLE)
def errors_over_time(samples: Samples, duration_s: float) -> str:
    """Errors a second in each short window, by status."""
    figure, axes = figure_of("seconds since the load began", "errors a second")
    edges = _edges(duration_s)
    failed = samples[~samples.ok].rows
    bottom = np.zeros(len(edges) - 1)
    for number, code in enumerate(np.unique(failed["status"]).tolist()):
        rates = np.histogram(failed["ended_s"][failed["status"] == code], edges)[0] / np.diff(edges)
        colour = (_RED, *COLOURS[1:])[number % len(COLOURS)]
        axes.bar(edges[:-1], rates, np.diff(edges), bottom, align="edge", color=colour, label=STATUSES[code])
        bottom += rates
    axes.set_xlim(0, duration_s)
    legend(axes)
    return svg_of(figure)


@rc_context(STYLE)
def histogram(latencies_ms: Floats) -> str:
    """How many answers took how long, on a logarithmic scale, with the percentiles marked."""
    figure, axes = figure_of("latency, ms", "answers")
    low, high = latencies_ms.min() / 1.05, latencies_ms.max() * 1.05
    axes.hist(latencies_ms, np.geomspace(low, high, 41).tolist(), color="#93c5fd", edgecolor="white", linewidth=0.5)
    figures = latency_figures(latencies_ms)
    for name, colour in (("p50", "#1d4ed8"), ("p95", "#f59e0b"), ("p99", _RED)):
        axes.axvline(figures[name], color=colour, linewidth=1.5, label=f"{name}  {figures[name]:.3g} ms")
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)) if high > 4 * low else MaxNLocator(6))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlim(low, high)
    legend(axes)
    return svg_of(figure)


@rc_context(STYLE)
def rate_latency(curves: dict[str, list[tuple[float, float]]], marks: dict[str, float], limits_ms: list[float]) -> str:
    """Latency in ms over requests a second, a line a name; rates of interest and limits are marked."""
    figure, axes = figure_of("requests a second", "latency, ms")
    for (name, points), colour in zip(curves.items(), (BLUES[3], BLUES[1]), strict=False):
        axes.plot(*zip(*points, strict=True), "o-", color=colour, markersize=4, linewidth=1.5, label=name)
    for (name, rate), colour in zip(marks.items(), (COLOURS[2], COLOURS[1]), strict=False):
        axes.axvline(rate, color=colour, linewidth=1.5, label=f"{name}  {rate:.4g}/s")
    for limit_ms in limits_ms:
        axes.axhline(limit_ms, color=_RED, linewidth=1, linestyle="--")
        axes.annotate(f"limit {limit_ms:g} ms", (0.01, limit_ms), xycoords=("axes fraction", "data"), va="bottom")
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlim(left=0)
    legend(axes)
    return svg_of(figure)


@rc_context(STYLE)
def ratios(found: list[tuple[str, float, float, float]], margin: float) -> str:
    """Ratios with their intervals by name, beside 1 and what counts as the same."""
    figure, axes = figure_of("B over A", "")
    axes.axvspan(1 / (1 + margin), 1 + margin, color="#e8ebef")
    axes.axvline(1, color="#5b6472", linewidth=1)
    for place, (_, value, low, high) in enumerate(found):
        axes.plot([low, high], [place, place], color=BLUES[1], linewidth=3)
        axes.plot(value, place, "o", color=BLUES[3])
    axes.set_yticks(range(len(found)), [name for name, *_ in found])
    axes.set_ylim(len(found) - 0.5, -0.5)
    return svg_of(figure)


def figure_of(x_label: str, y_label: str) -> tuple[Figure, Axes]:
    """An empty one of the size that all have."""
    figure = Figure(figsize=(6, 3.1), layout="constrained")
    axes = figure.subplots()
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.set_axisbelow(True)
    return figure, axes


def _edges(duration_s: float) -> Floats:
    return np.linspace(0, duration_s, min(_WINDOWS, max(4, round(duration_s * 2))) + 1)


def _by_window(samples: Samples, edges: Floats) -> list[Floats]:
    latencies_ms = samples.latency_ms()
    windows = np.digitize(samples.rows["ended_s"], edges[1:-1])
    return [latencies_ms[windows == window] for window in range(len(edges) - 1)]


def _mark_errors(axes: Axes, samples: Samples) -> None:
    failed = samples[~samples.ok]
    if len(failed):
        axes.plot(failed.rows["ended_s"], failed.latency_ms(), "x", color=_RED, label="error")


def _mark_versions(axes: Axes, answered: Samples) -> None:
    versions = np.unique(answered.rows["version"])
    firsts = [float(answered.rows["ended_s"][answered.rows["version"] == version].min()) for version in versions]
    for end_s, version in sorted(zip(firsts, versions.tolist(), strict=True))[1:]:
        axes.axvline(end_s, color="#5b6472", linestyle="--", linewidth=1.2, label=f"version {version} begins")


def legend(axes: Axes) -> None:
    """What the lines are, above them, where they have names."""
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=6, handlelength=1.2, columnspacing=1.2, fontsize=10)


def svg_of(figure: Figure) -> str:
    """The same text for the same picture."""
    stream = io.StringIO()
    figure.savefig(stream, format="svg", metadata={"Date": None})
    return stream.getvalue()
