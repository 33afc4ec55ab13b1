"""Figures over time as SVG, which a page shows without anything else."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Final

_WIDTH, _HEIGHT = 640, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 12, 22, 24
_TICKS: Final = 4


@dataclass(frozen=True)
class Mark:
    """A moment that all charts show: its second, its number in the table below, whether it was a failure."""

    at_s: float
    number: int
    failed: bool = False


@dataclass(frozen=True)
class Chart:
    """What is drawn: points (second, value) by the line's name, and above which value a gate fails, where one does.

    With `steps`, a value holds until the next point.
    """

    title: str
    unit: str
    lines: Mapping[str, Sequence[tuple[float, float]]]
    limit: float | None = None
    steps: bool = False
    reaches: float = 0.0  # the axis, at the least

    @property
    def top(self) -> float:
        """The end of the vertical axis: 1, 2 or 5 times a power of ten."""
        values = [value for points in self.lines.values() for _, value in points]
        largest = max([*values, self.limit or 0.0, self.reaches])
        power = 10.0 ** math.floor(math.log10(largest)) if largest > 0 else 1.0
        return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= largest) if largest > 0 else 1.0


def svg(chart: Chart, end_s: float, marks: Sequence[Mark]) -> str:
    """The chart over [0, end_s], with the marks as vertical lines.

    The page says how its classes look: grid, limit, mark, failed, and the names of the lines.
    """
    scale = _Scale(end_s or 1.0, chart.top)
    parts = [*_axes(scale, chart.unit)]
    if chart.limit is not None:
        y = scale.y(chart.limit)
        parts.append(f'<line class="limit" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
    parts += [_mark(scale, mark) for mark in marks]
    for name, points in chart.lines.items():
        path = " ".join(f"{scale.x(at_s):.1f},{scale.y(value):.1f}" for at_s, value in _drawn(chart, points))
        parts.append(f'<polyline class="{name}" points="{path}"/>')
        parts += [
            f'<circle class="{name}" cx="{scale.x(at_s):.1f}" cy="{scale.y(value):.1f}" r="2"/>'
            for at_s, value in points
        ]
    label = escape(chart.title, quote=True)
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}">{"".join(parts)}</svg>'


@dataclass(frozen=True)
class _Scale:
    end_s: float
    top: float

    def x(self, at_s: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * at_s / self.end_s

    def y(self, value: float) -> float:
        return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * value / self.top


def _drawn(chart: Chart, points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    if not chart.steps:
        return [*points]
    corners = [(after[0], before[1]) for before, after in pairwise(points)]
    return [point for pair in zip(points, [*corners, points[-1]], strict=True) for point in pair] if points else []


def _axes(scale: _Scale, unit: str) -> list[str]:
    parts = []
    for tick in range(_TICKS + 1):
        value, at_s = scale.top * tick / _TICKS, scale.end_s * tick / _TICKS
        x, y = scale.x(at_s), scale.y(value)
        anchor = "end" if tick == _TICKS else "middle"
        words = f"{value:.4g} {unit}".strip() if tick == _TICKS else f"{value:.4g}"
        parts += [
            f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>',
            f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{words}</text>',
            f'<text x="{x:.1f}" y="{_HEIGHT - 6}" text-anchor="{anchor}">{_duration(at_s, scale.end_s)}</text>',
        ]
    return parts


def _mark(scale: _Scale, mark: Mark) -> str:
    x, kind = scale.x(mark.at_s), "failed" if mark.failed else "mark"
    line = f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}"/>'
    return f'{line}<text class="{kind}" x="{x:.1f}" y="{_TOP - 6}" text-anchor="middle">{mark.number}</text>'


def _duration(seconds: float, longest_s: float) -> str:
    """In the unit that suits the whole axis."""
    units = ((86400, "d"), (3600, "h"), (60, "min"), (0, "s"))
    unit_s, unit = next(each for each in units if longest_s >= 3 * each[0])
    count = seconds / (unit_s or 1)
    return f"{count:.{0 if count >= 10 or not count else 1}f} {unit}"
