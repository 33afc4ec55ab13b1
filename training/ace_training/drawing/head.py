"""Shoulders, neck, ears and the face's skin, in that light which falls evenly; shading comes after."""

import numpy as np

from .identity import Identity
from .painting import (
    SIDES,
    Floats,
    Painting,
    Points,
    both_sides,
    ellipse,
    floats,
    line,
    mask_of,
    noise,
    outline,
    rgb,
)  # fmt: skip
from .shot import Shot


def face_outline(identity: Identity, shot: Shot) -> Points:
    """From the top of the skull round the cheeks and jaw to the chin, which falls as the mouth opens."""
    chin_y = identity.chin_y + 0.07 * shot.mouth_open
    cheek, jaw, chin = identity.cheek_width, identity.jaw_width, identity.chin_width
    skull = [(0.0, -1.12), (0.42 * cheek, -1.07), (0.8 * cheek, -0.83), (0.98 * cheek, -0.45)]
    cheeks = [(cheek, -0.05), (0.95 * cheek, 0.28)]
    jaws = [(jaw, 0.6), (0.5 * (jaw + chin), 0.82), (chin, 0.95 * chin_y), (0.0, chin_y)]
    return outline(both_sides([*skull, *cheeks, *jaws]))


def paint_body(painting: Painting, identity: Identity, shot: Shot) -> None:
    """Neck and shoulders in clothes, the neck in the head's shadow."""
    jaw = identity.jaw_width
    neck = outline(both_sides([(0.74 * jaw, 0.3), (0.7 * jaw, 0.9), (0.8 * jaw, 1.2), (0.0, 1.75)]))
    painting.fill(neck, identity.skin * 0.86)
    shadow = outline(both_sides([(0.0, 0.5), (1.0 * jaw, 0.6), (0.75 * jaw, 1.04), (0.0, 1.2)]))
    painting.fill(shadow, identity.skin * rgb(0.42, 0.36, 0.36), soft=0.08, opacity=0.8, within=mask_of(neck))
    collar = [(0.0, 1.36), (0.62 * jaw, 1.3), (0.85 * jaw, 1.16)]
    painting.fill(outline(both_sides([*collar, (1.05, 1.32), (1.5, 1.5), (1.75, 1.9), (0.0, 1.9)])), shot.clothes)
    for side in SIDES:
        painting.stroke(line(collar, side=side), shot.clothes * 0.6, width=0.03, soft=0.01)


def paint_ears(painting: Painting, identity: Identity) -> None:
    """Both ears, to be half covered by the face."""
    x, y, size = identity.cheek_width + 0.015, 0.08, identity.ear_size
    upper = [(x - 0.08, y - size), (x + 0.05, y - size), (x + 0.1, y - 0.45 * size)]
    lower = [(x + 0.06, y + 0.35 * size), (x + 0.01, y + size), (x - 0.08, y + 0.8 * size)]
    fold = [(x - 0.01, y - 0.7 * size), (x + 0.055, y - 0.5 * size), (x + 0.03, y + 0.2 * size)]
    for side in SIDES:
        painting.fill(outline([*upper, *lower], side=side), identity.skin * rgb(0.9, 0.82, 0.8))
        dark = identity.skin * rgb(0.55, 0.45, 0.43)
        painting.stroke(line(fold, side=side), dark, width=0.022, soft=0.012, opacity=0.8)


def paint_skin(painting: Painting, identity: Identity, face: Points) -> None:
    """The face's skin: red cheeks, blotches, pores, freckles, lines."""
    painting.fill(face, identity.skin)
    inside = mask_of(face)
    red = identity.skin * rgb(1.02, 0.8, 0.8)
    for x, radius in ((-0.42, 0.18), (0.42, 0.18), (0.0, 0.1)):
        painting.fill(ellipse(x, 0.25, radius, 0.8 * radius), red, soft=0.09, opacity=0.5, within=inside)
    rng = np.random.default_rng(identity.seed)
    texture = 0.02 * noise(rng, (14, 14)) + 0.012 * noise(rng, (180, 180))
    painting.rgb *= 1 + texture * inside
    spots = [ellipse(x, y, *rng.uniform(0.006, 0.012, 2)) for x, y in _freckles(identity, rng)]
    if spots:
        painting.fill(spots, identity.skin * 0.62, soft=0.005, opacity=0.6)
    _paint_lines(painting, identity, inside)


def _freckles(identity: Identity, rng: np.random.Generator) -> Points:
    moles = rng.uniform([-0.5, -0.5], [0.5, 0.8], (rng.integers(0, 3), 2))
    freckles = rng.normal([0, 0.2], [0.27, 0.1], (int(40 * identity.freckles), 2))
    return floats(np.concatenate([moles, freckles]))


def _paint_lines(painting: Painting, identity: Identity, inside: Floats) -> None:
    """Wrinkles across the forehead and beside the eyes."""
    dark, opacity = identity.skin * rgb(0.6, 0.5, 0.48), 0.45 * identity.wrinkles
    across = [line([(-0.34, y + 0.02), (-0.15, y - 0.01), (0.15, y), (0.34, y + 0.02)]) for y in (-0.6, -0.52, -0.44)]
    painting.stroke(across, dark, width=0.01, soft=0.008, opacity=opacity, within=inside)
    x, y = identity.eye_distance + identity.eye_width + 0.03, identity.eye_y
    for side in SIDES:
        feet = [line([(x, y + 0.4 * fall), (x + 0.08, y + 1.4 * fall)], side=side) for fall in (-0.05, 0.0, 0.05)]
        painting.stroke(feet, dark, width=0.008, soft=0.006, opacity=opacity)
