"""Hair on the head and in the face, with strands that run down from the parting."""

from functools import cache

import cv2
import numpy as np

from .identity import Identity
from .painting import (
    CANVAS_PX,
    ORIGIN_PX,
    UNIT_PX,
    Floats,
    Painting,
    Points,
    both_sides,
    ellipse,
    floats,
    mask_of,
    noise,
    outline,
    rgb,
)  # fmt: skip


def paint_back_hair(painting: Painting, identity: Identity) -> None:
    """What hangs behind head and neck."""
    if not identity.long_haired:
        return
    out, end = identity.cheek_width + 0.06 + 0.7 * identity.hair_volume, 0.25 + 1.35 * identity.hair_length
    rng = np.random.default_rng([identity.seed, 3])
    fall = [(0.0, -1.1), (0.8 * out, -0.8), (out, -0.3), (1.04 * out, 0.3), (1.06 * out, 0.8 * end)]
    tips = [(x * out, end + rng.normal(0, 0.04)) for x in (0.85, 0.5, 0.2)]
    _lay_strands(painting, identity, outline(both_sides([*fall, *tips])), brightness=0.72)


def paint_front_hair(painting: Painting, identity: Identity) -> None:
    """What covers the skull from the hairline up, with the fringe and the strands beside the face."""
    if identity.bald:
        cheek = identity.cheek_width
        cap = both_sides([(0.0, -1.12), (0.85 * cheek, -0.8), (0.97 * cheek, -0.3), (0.7, -0.55), (0.3, -0.78)])
        painting.fill(outline(cap), identity.hair, soft=0.06, opacity=0.25, within=painting.alpha)
        return
    shape = _front_outline(identity, np.random.default_rng([identity.seed, 4]))
    shadow = identity.skin * rgb(0.4, 0.32, 0.32)
    painting.fill(shape + floats([0, 0.035]), shadow, soft=0.03, opacity=0.45, within=painting.alpha)
    _lay_strands(painting, identity, shape, brightness=1.0)


def _front_outline(identity: Identity, rng: np.random.Generator) -> Points:
    """Over the crown from one ear to the other and back along the hairline."""
    cheek, puff = identity.cheek_width, identity.hair_volume
    out = cheek + 0.035 + 0.5 * puff
    ends_y = min(0.05 + 1.4 * identity.hair_length, 0.9) if identity.long_haired else rng.uniform(-0.25, 0.12)
    beside_ear = (out + 0.02, 0.0) if ends_y > 0.1 else (cheek + 0.02, -0.25)
    crown = [(0.0, -1.14 - 0.9 * puff), (0.48 * out, -1.08 - 0.85 * puff), (0.85 * out, -0.85 - 0.5 * puff)]
    outside = [*crown, (out, -0.45), beside_ear, (cheek + 0.03, ends_y)]
    inside = [(0.93 * cheek, min(ends_y - 0.1, -0.1)), (0.86 * cheek, -0.5 + 0.15 * identity.fringe)]
    right = [*outside, *inside]
    left = [(-x, y) for x, y in reversed(right[1:])]
    return outline([*right, *_hairline(identity, rng), *left])


def _hairline(identity: Identity, rng: np.random.Generator) -> list[tuple[float, float]]:
    """From the right temple to the left one, highest at the parting, in locks."""
    fringe = identity.fringe
    xs = np.linspace(0.6, -0.6, 13)  # shares of the cheeks' width
    middle_y = identity.hairline_y + fringe * (identity.eye_y - 0.15 - identity.hairline_y)
    rise = 0.12 * (1 - fringe) * np.exp(-(((xs * identity.cheek_width - identity.parting_x) / 0.25) ** 2))
    ys = middle_y - rise + 0.32 * (1 - 0.6 * fringe) * xs**2 + rng.normal(0, 0.012 + 0.02 * fringe, len(xs))
    return list(zip((xs * identity.cheek_width).tolist(), ys.tolist(), strict=True))


def paint_beard(painting: Painting, identity: Identity, face: Points) -> None:
    """Beard and moustache: a shadow of stubble, or more."""
    if identity.beard < 0.08:
        return
    jaw, mouth_y, nose_y = identity.jaw_width, identity.mouth_y, identity.eye_y + identity.nose_length
    moustache = [(0.0, nose_y + 0.07), (0.2, nose_y + 0.1), (0.33, mouth_y)]
    cheeks = [(0.45, mouth_y - 0.06), (jaw + 0.06, 0.2), (jaw + 0.14, 0.5), (0.5, 1.1), (0.0, 1.15)]
    lips = ellipse(0, mouth_y + 0.02, identity.mouth_width * 0.95, 0.085)
    patchy = np.clip(0.75 + 0.5 * noise(np.random.default_rng([identity.seed, 5]), (90, 220)), 0, 1.3)
    inside = mask_of(face) * (1 - mask_of(lips, soft=0.015)) * patchy
    area = outline(both_sides([*moustache, *cheeks]))
    painting.fill(area, identity.hair * 0.8, soft=0.05, opacity=0.85 * identity.beard, within=inside)


def _lay_strands(painting: Painting, identity: Identity, shape: Points, *, brightness: float) -> None:
    """Fills the outline with hair: darker and lighter strands, and a sheen across them."""
    rng = np.random.default_rng([identity.seed, 6])
    angle, radius = _around_crown(round(identity.parting_x, 1))
    table = 0.55 * noise(rng, (3, 130), (24, 720)) + 0.4 * noise(rng, (5, 360), (24, 720))
    strands = cv2.remap(table, angle, radius, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    sheen = rng.uniform(0.2, 0.7) * np.exp(-(((radius - rng.uniform(6.5, 9)) / 2.2) ** 2))
    level = np.clip(brightness * (1 + 0.26 * strands + sheen * (0.6 + 0.5 * strands)), 0.25, 2.2)
    mask = mask_of(shape, soft=0.008)
    painting.rgb += mask * (level * identity.hair[:, None, None] - painting.rgb)
    np.maximum(painting.alpha, mask, out=painting.alpha)


@cache
def _around_crown(parting_x: float) -> tuple[Floats, Floats]:
    """Every pixel's place in a strand table of 24 × 720: which strand, how far along it."""
    at = np.arange(CANVAS_PX)
    x, y = np.meshgrid((at - ORIGIN_PX[0]) / UNIT_PX - parting_x, (at - ORIGIN_PX[1]) / UNIT_PX + 1.05)
    return floats((np.arctan2(x, y + 0.15) / np.pi + 1) * 360), floats(np.hypot(x, y) * 9)
