"""Eyes, brows and glasses."""

import numpy as np

from .identity import Identity
from .painting import SIDES, Painting, Points, ellipse, floats, line, mask_of, rgb
from .shot import Shot

_BLACK = rgb(0.07, 0.05, 0.05)
_WHITE = rgb(0.9, 0.88, 0.86)
_IRIS_RADIUS = 0.064


class _Eye:
    """One eye's opening between its two lids, and where it looks."""

    def __init__(self, identity: Identity, shot: Shot, side: int) -> None:
        x, y, width, slant = identity.eye_distance, identity.eye_y, identity.eye_width, identity.eye_slant
        up = identity.eye_height * shot.eyes_open
        down = identity.eye_height * (0.55 - 0.2 * max(shot.smile, 0))
        inner, outer = (x - width, y + 0.012), (x + width, y - slant)
        over = [(x - 0.6 * width, y - 0.75 * up), (x, y - 1.05 * up), (x + 0.6 * width, y - 0.85 * up - 0.4 * slant)]
        under = [(x - 0.5 * width, y + 0.8 * down), (x + 0.1 * width, y + down),
                 (x + 0.65 * width, y + 0.6 * down - 0.3 * slant)]  # fmt: skip
        self.upper = line([inner, *over, outer], side=side)
        self.lower = line([inner, *under, outer], side=side)
        self.opening: Points = np.concatenate([self.upper, self.lower[::-1]])
        self.x, self.y, self.inner_x = side * x, y, side * (x - 0.92 * width)
        self.iris_x, self.iris_y = self.x + 0.05 * (shot.gaze_x + 0.8 * shot.yaw), y - 0.012


def paint_eyes(painting: Painting, identity: Identity, shot: Shot) -> None:
    """White, iris, pupil, lids and lashes of both eyes."""
    for side in SIDES:
        eye = _Eye(identity, shot, side)
        _paint_eyeball(painting, identity, eye)
        _paint_lids(painting, identity, eye)


def _paint_eyeball(painting: Painting, identity: Identity, eye: _Eye) -> None:
    socket = identity.skin * rgb(0.62, 0.5, 0.5)
    painting.fill(ellipse(eye.x, eye.y, 0.17, 0.1), socket, soft=0.05, opacity=0.35)
    painting.fill(eye.opening, _WHITE, soft=0.003)
    inside, x, y, radius = mask_of(eye.opening), eye.iris_x, eye.iris_y, _IRIS_RADIUS
    painting.fill(ellipse(x, y, radius, radius), identity.iris * 0.55, soft=0.004, within=inside)
    painting.fill(ellipse(x, y, 0.8 * radius, 0.8 * radius), identity.iris, soft=0.008, within=inside)
    painting.fill(ellipse(x, y + 0.025, 0.03, 0.018), identity.iris * 1.35, soft=0.01, opacity=0.6, within=inside)
    painting.fill(ellipse(x, y, 0.029, 0.029), _BLACK * 0.4, soft=0.003, within=inside)
    painting.fill(ellipse(eye.inner_x, eye.y, 0.022, 0.016), rgb(0.78, 0.5, 0.46), soft=0.006, within=inside)
    painting.stroke(eye.upper, _BLACK, width=0.04, soft=0.018, opacity=0.55, within=inside)


def _paint_lids(painting: Painting, identity: Identity, eye: _Eye) -> None:
    """Lashes, the crease over the upper lid, the bag under the lower one."""
    skin = identity.skin
    painting.stroke(eye.upper, _BLACK, width=0.02, soft=0.005, opacity=0.9)
    painting.stroke(eye.lower, skin * rgb(0.55, 0.4, 0.4), width=0.012, soft=0.006, opacity=0.7)
    crease, bag = eye.upper - floats([0, 0.05]), eye.lower + floats([0, 0.05])
    painting.stroke(crease, skin * rgb(0.5, 0.38, 0.37), width=0.014, soft=0.01, opacity=0.6)
    bag_opacity = 0.25 + 0.3 * identity.wrinkles
    painting.stroke(bag, skin * rgb(0.62, 0.5, 0.5), width=0.012, soft=0.012, opacity=bag_opacity)


def paint_catchlights(painting: Painting, identity: Identity, shot: Shot) -> None:
    """The lamp's reflection in both eyes: after the shading, since it is the brightest spot."""
    for side in SIDES:
        eye = _Eye(identity, shot, side)
        spot = ellipse(eye.iris_x + 0.02 * shot.light_x, eye.y - 0.03, 0.011, 0.012)
        painting.fill(spot, rgb(1, 1, 1), soft=0.004, opacity=0.85, within=mask_of(eye.opening))


def brow_line(identity: Identity, shot: Shot, side: int) -> Points:
    """One brow from its inner to its outer end."""
    x, y = identity.eye_distance, identity.eye_y - identity.brow_gap - shot.brows_up
    arch = identity.brow_arch
    inner_half = [(x - 0.2, y + 0.03), (x - 0.06, y - 0.3 * arch)]
    return line([*inner_half, (x + 0.09, y - 0.7 * arch), (x + 0.22, y + 0.2 * arch)], side=side)


def paint_brows(painting: Painting, identity: Identity, shot: Shot) -> None:
    """Both brows, hair by hair over a soft ground."""
    rng = np.random.default_rng([identity.seed, 1])
    hairs = 34
    for side in SIDES:
        along = brow_line(identity, shot, side)
        thickness = identity.brow_thickness * np.interp(np.linspace(0, 1, len(along)), [0, 0.3, 1], [0.8, 1, 0.25])
        half = np.stack([np.zeros_like(thickness), thickness], 1)
        ground = np.concatenate([along - half, (along + half)[::-1]])
        painting.fill(floats(ground), identity.hair * 0.75, soft=0.012, opacity=0.62)
        at = rng.integers(len(along), size=hairs)
        roots = along[at] + half[at] * rng.uniform(-0.7, 1.0, (hairs, 1))
        outwards, up = rng.uniform(0.02, 0.06, hairs), thickness[at] * rng.uniform(0.2, 1.1, hairs)
        tips = roots + np.stack([side * outwards, -up], 1)
        painting.stroke(list(floats(np.stack([roots, tips], 1))), identity.hair * 0.75, width=0, opacity=0.6)


def paint_glasses(painting: Painting, identity: Identity) -> None:
    """A dark frame, where the person wears one."""
    if not identity.glasses:
        return
    rng = np.random.default_rng([identity.seed, 2])
    colour = floats(rng.uniform(0.03, 0.25, 3))
    squareness, width = rng.uniform(2, 5), rng.uniform(0.018, 0.036)
    x, y = identity.eye_distance, identity.eye_y
    circle = ellipse(0, 0, 1, 1)
    rim = np.sign(circle) * np.abs(circle) ** (2 / squareness) * floats([0.245, 0.185]) + floats([x + 0.01, y + 0.02])
    arm = floats([(x + 0.255, y - 0.04), (identity.cheek_width + 0.03, y - 0.06)])
    for side in SIDES:
        mirror = floats([side, 1])
        painting.fill(rim * mirror, rgb(0.9, 0.95, 1.0), opacity=0.07)
        painting.stroke([np.concatenate([rim, rim[:1]]) * mirror, arm * mirror], colour, width=width, soft=0.003)
    bridge = line([(0.235 - x, y), (0.0, y - 0.04), (x - 0.235, y)])
    painting.stroke(bridge, colour, width=width, soft=0.003)
