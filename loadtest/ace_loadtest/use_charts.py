"""The pictures of what a load used, as SVG."""

from collections.abc import Mapping, Sequence

from matplotlib import rc_context

from .charts import BLUES, COLOURS, STYLE, figure_of, legend, svg_of
from .server_use import Point, Use


def pictures(use: Use) -> list[tuple[str, str]]:
    """Titles and pictures of what is known."""
    found = []
    processors = {"server": use.server, "generator": use.generator}
    if any(len(points) > 1 for points in processors.values()):
        found.append(("Processors in use", over_time(processors, "processors")))
    if use.queue_ms or use.run_ms:
        found.append(("Time in the server", over_time({"queue": use.queue_ms, "run": use.run_ms}, "mean, ms")))
    if use.batch_rows:
        found.append(("Batch sizes", batch_sizes(use.batch_rows)))
    if use.in_flight:
        found.append(("Calls in flight", over_time({"in flight": use.in_flight}, "calls")))
    if use.memory_mb:
        found.append(("Memory of the server", over_time({"resident": use.memory_mb}, "MB")))
    if use.gpu_percent:
        found.append(("GPU of this machine", over_time({"in use": use.gpu_percent}, "percent")))
    return found


@rc_context(STYLE)
def over_time(lines: Mapping[str, Sequence[Point]], y_label: str) -> str:
    """Lines by name, over the seconds since the load began."""
    figure, axes = figure_of("seconds since the load began", y_label)
    for (name, points), colour in zip(lines.items(), COLOURS, strict=False):
        if points:
            axes.plot(*zip(*points, strict=True), color=colour, linewidth=1.8, label=name)
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    legend(axes)
    return svg_of(figure)


@rc_context(STYLE)
def batch_sizes(rows: dict[str, int]) -> str:
    """How many runs had at most so many rows."""
    figure, axes = figure_of("images a run, at most", "runs")
    axes.bar(list(rows), list(rows.values()), color=BLUES[0], edgecolor="white")
    return svg_of(figure)
