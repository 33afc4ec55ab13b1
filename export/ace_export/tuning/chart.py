"""Throughput against p99: one point a candidate."""

import io
from collections.abc import Sequence
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .candidates import Setting
from .measurement import Measurement
from .result import Result

_STYLE: dict[Any, Any] = {
    "axes.edgecolor": "#c3c8d0",
    "axes.grid": True,
    "axes.labelcolor": "#5b6472",
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.family": "sans-serif",
    "font.size": 10,
    "grid.color": "#e8ebef",
    "legend.frameon": False,
    "xtick.color": "#5b6472",
    "ytick.color": "#5b6472",
}
_LAYOUTS = ["#2563eb", "#059669", "#d97706", "#7c3aed", "#0891b2"]
_DEFAULTS = ["D", "s"]
_RED = "#dc2626"
_GREY = "#374151"
_SIZE = 150  # of a point that has a number in it


@rc_context(_STYLE)
def draw(result: Result) -> bytes:
    """A PNG. A colour a layout, the largest batch in the point, hollow without oneDNN, the chosen one ringed."""
    figure = Figure(figsize=(9.5, 5), layout="constrained", dpi=150)
    axes = figure.subplots()
    axes.set_axisbelow(True)
    axes.set_xlabel("images a second at full load")
    axes.set_ylabel(f"p99 in ms at {result.survey.steady_per_s:.3g} images a second")
    axes.set_title(
        f"{result.version.parent.name}/{result.version.name} on {result.machine}", loc="left", fontsize=11, color=_GREY
    )
    _draw_settings(axes, [one for one in result.survey.all if one.candidate.setting])
    for one, marker in zip(result.survey.defaults, _DEFAULTS, strict=True):
        axes.scatter(*_place(one), s=90, marker=marker, color=_GREY, zorder=4, label=_described(one))
    for one in (*result.survey.finalists, *result.survey.others):
        if not one.candidate.setting:
            axes.scatter(
                *_place(one), s=90, marker="D", facecolor="white", color=_GREY, zorder=4, label=_described(one)
            )
    chosen = result.chosen
    axes.scatter(
        *_place(chosen),
        s=2.6 * _SIZE,
        facecolor="none",
        edgecolor=_RED,
        linewidth=2.2,
        zorder=6,
        label=f"chosen: {_described(chosen)}",
    )
    axes.margins(0.08, 0.12)
    axes.set_ylim(bottom=0)
    legend = axes.legend(
        loc="upper left",
        bbox_to_anchor=(1, 1),
        fontsize=9,
        labelspacing=0.9,
        handletextpad=0.6,
        alignment="left",
        title="batches at a time × threads in an\noperation; in the point the largest batch",
        title_fontsize=9,
    )
    legend.get_title().set_color(_STYLE["axes.labelcolor"])
    stream = io.BytesIO()
    figure.savefig(stream, format="png", metadata={"Software": None})
    return stream.getvalue()


def _draw_settings(axes: Axes, measured: Sequence[Measurement]) -> None:
    layouts = list(dict.fromkeys(sorted(_setting(one).threads for one in measured)))
    colours = dict(zip(layouts, _LAYOUTS * len(layouts), strict=False))
    for threads, colour in colours.items():
        axes.scatter([], [], s=_SIZE, color=colour, label=f"{threads} threads")
    if any(one.candidate.onednn is False for one in measured) and any(one.candidate.onednn for one in measured):
        axes.scatter([], [], s=_SIZE, facecolor="white", color="#9ca3af", label="hollow: oneDNN off")
    for one in measured:
        colour = colours[_setting(one).threads]
        filled = bool(one.candidate.onednn)
        axes.scatter(*_place(one), s=_SIZE, facecolor=colour if filled else "white", color=colour, zorder=5, alpha=0.9)
        axes.annotate(
            str(_setting(one).batch_sizes[-1]),
            _place(one),
            ha="center",
            va="center",
            fontsize=7.5,
            color="white" if filled else colour,
            zorder=5,
        )


def _setting(one: Measurement) -> Setting:
    if one.candidate.setting is None:
        raise ValueError(f"{one.candidate.name} has no setting")
    return one.candidate.setting


def _place(one: Measurement) -> tuple[float, float]:
    return one.images_per_s, one.steady_ms(99)


def _described(one: Measurement) -> str:
    return f"{one.candidate.name}\n{one.images_per_s:.3g} images/s, p99 {one.steady_ms(99):.0f} ms"
