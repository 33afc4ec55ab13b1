"""Nose and mouth, and the folds between them."""

import numpy as np

from .identity import Identity
from .painting import SIDES, Floats, Painting, Points, both_sides, ellipse, line, mask_of, outline, rgb
from .shot import Shot


def paint_nose(painting: Painting, identity: Identity, shot: Shot) -> None:
    """Nostrils, wings, and the shadow that the nose throws away from the light."""
    y, width = identity.eye_y + identity.nose_length, identity.nose_width
    dark = identity.skin * rgb(0.5, 0.38, 0.36)
    wing = [(0.75 * width, y - 0.085), (1.08 * width, y - 0.03), (1.02 * width, y + 0.03), (0.72 * width, y + 0.045)]
    hole = [(0.28 * width, y + 0.03), (0.5 * width, y + 0.012), (0.72 * width, y + 0.03), (0.5 * width, y + 0.05)]
    fold = [(1.15 * width, y), (1.5 * width, y + 0.12), (identity.mouth_width + 0.09, identity.mouth_y - 0.02)]
    fold_opacity = 0.2 + 0.3 * max(shot.smile, 0) + 0.25 * identity.wrinkles
    _paint_nose_shadow(painting, identity, shot)
    for side in SIDES:
        painting.stroke(line(wing, side=side), dark, width=0.018, soft=0.012, opacity=0.75)
        painting.fill(outline(hole, side=side), identity.skin * rgb(0.2, 0.12, 0.11), soft=0.008, opacity=0.85)
        painting.stroke(line(fold, side=side), dark, width=0.02, soft=0.02, opacity=fold_opacity)


def _paint_nose_shadow(painting: Painting, identity: Identity, shot: Shot) -> None:
    y, width = identity.eye_y + identity.nose_length, identity.nose_width
    dark, away = identity.skin * rgb(0.5, 0.38, 0.36), -1 if shot.light_x > 0 else 1
    fall_x = -0.08 * shot.light_x
    cast = [(-width, y), (0.0, y + 0.02), (width, y), (0.5 * width + fall_x, y + 0.1), (-0.5 * width + fall_x, y + 0.1)]
    painting.fill(outline(cast), dark, soft=0.03, opacity=0.55 * (1 - shot.ambient) + 0.1)
    flank = line([(0.07, identity.eye_y), (0.09, y - 0.15), (1.1 * width, y)], side=away)
    painting.stroke(flank, dark, width=0.05, soft=0.035, opacity=0.35 * abs(shot.light_x))


class _Lips:
    """The four lines of a mouth from its left to its right corner, from the upper lip's edge down to the lower's."""

    def __init__(self, identity: Identity, shot: Shot) -> None:
        self.half = identity.mouth_width * (1 + 0.16 * shot.smile)
        self.y = identity.mouth_y
        self.corner_y = self.y - 0.055 * shot.smile
        self.gap = 0.13 * shot.mouth_open
        top, low, open_y = identity.upper_lip, identity.lower_lip, self.y + self.gap
        self.bow = self._line([(0.45, self.y - 0.8 * top), (0.16, self.y - 1.1 * top), (0.0, self.y - 0.85 * top)])
        self.upper = self._line([(0.5, self.y - 0.005), (0.0, self.y + 0.008)])
        self.lower = self._line([(0.5, open_y - 0.002), (0.0, open_y + 0.012)])
        self.bottom = self._line([(0.55, open_y + 0.7 * low), (0.0, open_y + 1.1 * low)])
        self.opening: Points = np.concatenate([self.upper, self.lower[::-1]])

    def _line(self, right: list[tuple[float, float]]) -> Points:
        """From corner to corner through a right half whose x is a share of the mouth's half width."""
        corners = both_sides([(1.0, self.corner_y), *right])
        return line([(self.half * x, y) for x, y in corners])


def paint_mouth(painting: Painting, identity: Identity, shot: Shot) -> None:
    """Lips, and behind them teeth where the mouth is open."""
    lips, colour = _Lips(identity, shot), _lip_colour(identity)
    if lips.gap > 0:
        _paint_teeth(painting, lips)
    painting.fill(np.concatenate([lips.lower, lips.bottom[::-1]]), colour * 1.06, soft=0.01, opacity=0.9)
    painting.fill(np.concatenate([lips.bow, lips.upper[::-1]]), colour * 0.88, soft=0.008, opacity=0.9)
    low, open_y = identity.lower_lip, lips.y + lips.gap
    gloss = ellipse(0, open_y + 0.5 * low, 0.4 * lips.half, 0.25 * low)
    painting.fill(gloss, colour * 1.3, soft=0.02, opacity=0.5)
    seams = [lips.upper, lips.lower] if lips.gap > 0.02 else [lips.upper]
    painting.stroke(seams, rgb(0.22, 0.08, 0.08), width=0.012, soft=0.006, opacity=0.75)
    shade = identity.skin * rgb(0.55, 0.42, 0.4)
    painting.fill(ellipse(0, open_y + 1.45 * low + 0.02, 0.5 * lips.half, 0.018), shade, soft=0.022, opacity=0.5)
    corners = [ellipse(side * lips.half, lips.corner_y, 0.018, 0.016) for side in SIDES]
    painting.fill(corners, shade, soft=0.015, opacity=0.7)


def _paint_teeth(painting: Painting, lips: _Lips) -> None:
    painting.fill(lips.opening, rgb(0.16, 0.05, 0.05))
    y, half = lips.y, lips.half
    right = [(0.0, y - 0.02), (0.8 * half, y + 0.7 * (lips.corner_y - y)), (0.6 * half, y + 0.045), (0.0, y + 0.062)]
    teeth = outline(both_sides(right))
    painting.fill(teeth, rgb(0.9, 0.87, 0.82), soft=0.01, opacity=0.95, within=mask_of(lips.opening))


def _lip_colour(identity: Identity) -> Floats:
    """The skin's colour, redder."""
    pale, red = identity.skin * rgb(0.92, 0.74, 0.73), identity.skin * rgb(0.88, 0.55, 0.55)
    return pale + identity.lip_redness * (red - pale)
