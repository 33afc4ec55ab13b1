"""The pictures of an evaluation, as SVG."""

import io
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, SymmetricalLogLocator
from sklearn.metrics import precision_recall_curve, roc_curve

from .figures import ECE_BINS, reliability_bins
from .robustness import Curve
from .scored import Scored

_STYLE: Final[dict[Any, Any]] = {
    "axes.axisbelow": True,
    "axes.edgecolor": "#c3c8d0",
    "axes.grid": True,
    "axes.labelcolor": "#5b6472",
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.family": "sans-serif",
    "font.sans-serif": ["Inter", "Segoe UI", "Helvetica Neue", "Arial", "DejaVu Sans"],
    "font.size": 11,
    "grid.color": "#e8ebef",
    "legend.fontsize": 10,
    "legend.frameon": False,
    "svg.fonttype": "none",  # the reader's own fonts: sharper, and a tenth of the size
    "svg.hashsalt": "ace",
    "xtick.color": "#5b6472",
    "ytick.color": "#5b6472",
}
_BLUE, _ORANGE, _GREEN, _RED, _GREY = "#2563eb", "#f59e0b", "#059669", "#dc2626", "#9aa3af"
_LEVELS: Final = {"frames": _BLUE, "videos": _ORANGE}


@rc_context(_STYLE)
def roc(levels: Mapping[str, Scored], threshold: float) -> str:
    """True positives against false ones, for frames and for videos; a dot where the threshold is."""
    figure, axes = _figure("false-positive rate", "true-positive rate")
    axes.plot([0, 1], [0, 1], color=_GREY, linewidth=1, linestyle=":")
    for level, scored in levels.items():
        fpr, tpr, _ = roc_curve(scored.fake, scored.prob_fake)
        axes.plot(fpr, tpr, color=_LEVELS[level], linewidth=1.8, label=level)
        called = scored.prob_fake >= threshold
        at = called[~scored.fake].mean(), called[scored.fake].mean()
        axes.plot(*at, "o", color=_LEVELS[level], label=f"{level} at the threshold")
    return _unit_square(figure, axes)


@rc_context(_STYLE)
def precision_recall(levels: Mapping[str, Scored]) -> str:
    """Precision against recall of fakes, for frames and for videos; dotted, what guessing reaches."""
    figure, axes = _figure("recall of fakes", "precision")
    for level, scored in levels.items():
        precision, recall, _ = precision_recall_curve(scored.fake, scored.prob_fake)
        axes.plot(recall, precision, color=_LEVELS[level], linewidth=1.8, label=level)
        axes.axhline(scored.fake.mean(), color=_LEVELS[level], linewidth=1, linestyle=":")
    return _unit_square(figure, axes)


@rc_context(_STYLE)
def reliability(versions: Mapping[str, Scored]) -> str:
    """The share of fakes among frames of about the same P(fake): a dot a bin, the larger the more frames are in it."""
    figure, axes = _figure("P(fake)", "share of fakes")
    axes.plot([0, 1], [0, 1], color=_GREY, linewidth=1, linestyle=":")
    for (name, scored), colour in zip(versions.items(), (_GREY, _BLUE), strict=False):
        bins = reliability_bins(scored.prob_fake)
        counts = np.bincount(bins, minlength=ECE_BINS)
        held = counts > 0
        stated = np.bincount(bins, scored.prob_fake, ECE_BINS)[held] / counts[held]
        found = np.bincount(bins, scored.fake, ECE_BINS)[held] / counts[held]
        axes.plot(stated, found, color=colour, linewidth=1.2, label=name)
        axes.scatter(stated, found, s=12 + 160 * counts[held] / len(scored), color=colour, alpha=0.8, linewidths=0)
    return _unit_square(figure, axes)


@rc_context(_STYLE)
def histogram(scored: Scored, threshold: float, *, rows: str) -> str:
    """How many real and fake ones have which P(fake), on a logarithmic scale; dashed, the threshold."""
    figure, axes = _figure("P(fake)", rows)
    edges = np.linspace(0, 1, 31).tolist()
    for fake, colour in ((False, _GREEN), (True, _RED)):
        label = "fake" if fake else "real"
        axes.hist(scored.prob_fake[scored.fake == fake], edges, color=colour, alpha=0.55, label=label)
    axes.axvline(threshold, color="#111827", linewidth=1.2, linestyle="--", label=f"threshold {threshold:.3g}")
    axes.set_yscale("symlog", linthresh=1)
    axes.set_xlim(0, 1)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_locator(SymmetricalLogLocator(base=10, linthresh=1, subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    return _with_legend(figure, axes)


@rc_context(_STYLE)
def robustness(curve: Curve) -> str:
    """AUC, and TPR and TNR at the threshold, against how strongly the images were degraded."""
    figure, axes = _figure(curve.unit, "of frames")
    at = np.arange(len(curve.strengths))
    for name, label, colour, style in (
        ("true_negative_rate", "TNR", _GREEN, "--"),
        ("true_positive_rate", "TPR", _RED, "--"),
        ("auc", "AUC", _BLUE, "-"),
    ):
        values = [np.nan if value is None else value for value in curve.figures[name]]
        axes.plot(at, values, style, marker="o", markersize=4, color=colour, label=label)
    axes.set_xticks(at, [f"{strength:g}" for strength in curve.strengths])
    axes.set_ylim(-0.02, 1.03)
    return _with_legend(figure, axes)


@rc_context(_STYLE)
def learning(history: Mapping[str, Sequence[float]], name: str) -> str:
    """A figure of training by epoch, on the training and on the validation images."""
    figure, axes = _figure("epoch", name.upper() if name == "auc" else name)
    for key, label, colour in ((name, "training", _GREY), (f"val_{name}", "validation", _BLUE)):
        if values := history.get(key):
            axes.plot(range(1, len(values) + 1), values, marker="o", markersize=3, color=colour, label=label)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return _with_legend(figure, axes)


def _figure(x_label: str, y_label: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(5, 3.4), layout="constrained")
    axes = figure.subplots()
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    return figure, axes


def _unit_square(figure: Figure, axes: Axes) -> str:
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-0.01, 1.01)
    return _with_legend(figure, axes)


def _with_legend(figure: Figure, axes: Axes) -> str:
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, handlelength=1.4, columnspacing=1.2)
    stream = io.StringIO()
    figure.savefig(stream, format="svg", metadata={"Date": None})
    return stream.getvalue()
