"""A canvas with soft brushes: smooth outlines in face units, filled or stroked, antialiased."""

from collections.abc import Sequence
from functools import cache
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]  # float32, unless said otherwise
Points = Floats  # [k, 2]: x to the right, y down, in half face heights
Corners = Sequence[tuple[float, float]]  # the same, written down by hand

CANVAS_PX: Final = 320
UNIT_PX: Final = 100.0  # half a face's height
ORIGIN_PX: Final = (160.0, 166.0)  # of the face's centre
SIDES: Final = (-1, 1)  # left and right in the picture
_SUBPIXEL_BITS: Final = 4


class Painting:
    """A person without background: colours, and how much of each pixel is covered."""

    def __init__(self) -> None:
        self.rgb: Floats = np.zeros((3, CANVAS_PX, CANVAS_PX), np.float32)  # in [0, 1]; plane by plane is fast
        self.alpha: Floats = np.zeros((CANVAS_PX, CANVAS_PX), np.float32)

    def fill(
        self,
        outlines: Points | list[Points],
        colour: Floats,
        *,
        soft: float = 0.0,
        opacity: float = 1.0,
        within: Floats | None = None,
    ) -> None:
        """Covers the inside of one closed outline or several; `soft` is the width of their edge in face units."""
        shapes_px = _to_px(outlines)
        self._lay(_Mask(shapes_px, None, soft * UNIT_PX), colour, opacity, within)

    def stroke(
        self,
        lines: Points | list[Points],
        colour: Floats,
        *,
        width: float,
        soft: float = 0.0,
        opacity: float = 1.0,
        within: Floats | None = None,
    ) -> None:
        """Draws along one open line or several, a pixel wide or more."""
        mask = _Mask(_to_px(lines), max(1, round(width * UNIT_PX)), soft * UNIT_PX)
        self._lay(mask, colour, opacity, within)

    def _lay(self, mask: "_Mask", colour: Floats, opacity: float, within: Floats | None) -> None:
        if mask.empty:
            return
        rows, columns = mask.place
        weight = mask.drawn() * np.float32(opacity)
        if within is not None:
            weight *= within[rows, columns]
        region = self.rgb[:, rows, columns]
        region += weight * (colour[:, None, None] - region)
        cover = self.alpha[rows, columns]
        np.maximum(cover, weight, out=cover)


class _Mask:
    """Shapes on the part of the canvas that they touch: filled where there is no thickness."""

    def __init__(self, shapes_px: list[Floats], thickness_px: int | None, soft_px: float) -> None:
        margin = int(3 * soft_px + (thickness_px or 0) + 2)
        points = np.concatenate(shapes_px)
        self._x0, self._y0 = (max(int(at) - margin, 0) for at in points.min(0))
        self._x1, self._y1 = (min(int(at) + margin + 1, CANVAS_PX) for at in points.max(0))
        self._shapes_px = shapes_px
        self._thickness_px = thickness_px
        self._soft_px = soft_px

    @property
    def empty(self) -> bool:
        return self._x0 >= self._x1 or self._y0 >= self._y1

    @property
    def place(self) -> tuple[slice, slice]:
        return slice(self._y0, self._y1), slice(self._x0, self._x1)

    def drawn(self) -> Floats:
        """float32[height, width] of the place: 1 inside, 0 outside."""
        mask = np.zeros((self._y1 - self._y0, self._x1 - self._x0), np.uint8)
        corner = floats([self._x0, self._y0])
        fixed = [np.round((shape - corner) * (1 << _SUBPIXEL_BITS)).astype(np.int32) for shape in self._shapes_px]
        if self._thickness_px is None:
            cv2.fillPoly(mask, fixed, 255, cv2.LINE_AA, _SUBPIXEL_BITS)
        else:
            cv2.polylines(mask, fixed, False, 255, self._thickness_px, cv2.LINE_AA, _SUBPIXEL_BITS)
        weight = mask.astype(np.float32) / 255
        return cv2.GaussianBlur(weight, (0, 0), self._soft_px) if self._soft_px > 0 else weight


def mask_of(outline: Points, *, soft: float = 0.0) -> Floats:
    """float32[320, 320]: 1 inside a closed outline, 0 outside."""
    part = _Mask(_to_px(outline), None, soft * UNIT_PX)
    mask = np.zeros((CANVAS_PX, CANVAS_PX), np.float32)
    if not part.empty:
        mask[part.place] = part.drawn()
    return mask


def floats(values: npt.ArrayLike) -> Floats:
    """The values as a float32 array."""
    return np.asarray(values, np.float32)


def rgb(red: float, green: float, blue: float) -> Floats:
    """A colour, or what to multiply one by."""
    return floats([red, green, blue])


def outline(corners: Corners, *, side: int = 1) -> Points:
    """A closed Catmull–Rom curve through the corners; side -1 mirrors it across x = 0."""
    knots = floats(corners) * floats([side, 1])
    return _through(np.concatenate([knots[-1:], knots, knots[:2]]))


def line(corners: Corners, *, side: int = 1) -> Points:
    """An open Catmull–Rom curve from the first corner to the last; side -1 mirrors it across x = 0."""
    knots = floats(corners) * floats([side, 1])
    return np.concatenate([_through(np.concatenate([knots[:1], knots, knots[-1:]])), knots[-1:]])


def both_sides(corners: Corners) -> list[tuple[float, float]]:
    """The corners of one half, then their mirror images across x = 0 on the way back."""
    return [*corners, *((-x, y) for x, y in reversed(corners) if x)]


def ellipse(x: float, y: float, radius_x: float, radius_y: float) -> Points:
    """The outline of an upright ellipse."""
    return floats([x, y]) + floats([radius_x, radius_y]) * _circle()


def noise(rng: np.random.Generator, cells: tuple[int, int], size: tuple[int, int] = (CANVAS_PX, CANVAS_PX)) -> Floats:
    """float32[height, width] of smooth noise about 0 with `cells` independent values down and across."""
    coarse = rng.standard_normal(cells, dtype=np.float32)
    return floats(cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC))


def _to_px(shapes: Points | list[Points]) -> list[Floats]:
    return [
        shape * np.float32(UNIT_PX) + floats(ORIGIN_PX) for shape in (shapes if isinstance(shapes, list) else [shapes])
    ]


def _through(knots: Floats) -> Points:
    spans = np.stack([knots[i : len(knots) - 3 + i] for i in range(4)], 1)  # [k, 4, 2]: two knots and their neighbours
    return floats((_catmull_rom() @ spans).reshape(-1, 2))


@cache
def _catmull_rom(steps: int = 8) -> Floats:
    """float32[steps, 4]: how much each of four knots counts on the way from the second to the third."""
    t = np.arange(steps)[:, None] / steps
    basis = np.array([[0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]]) / 2
    return floats(np.hstack([t**0, t, t**2, t**3]) @ basis)


@cache
def _circle() -> Points:
    angle = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    return floats(np.stack([np.cos(angle), np.sin(angle)], 1))
