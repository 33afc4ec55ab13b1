"""The head's surface: its depth, which a turn of the head shifts by, and the light that falls on it."""

from functools import cache

import cv2
import numpy as np

from .identity import Identity
from .painting import CANVAS_PX, ORIGIN_PX, SIDES, UNIT_PX, Floats, Points, floats, mask_of
from .shot import Shot

_HALF = CANVAS_PX // 2  # reliefs are smooth: half the canvas's resolution is enough


def depth_of(identity: Identity, shot: Shot, face: Points) -> Floats:
    """float32[320, 320]: how far the surface stands out towards the viewer, in half face heights; 0 beside the head."""
    x, y = _grid()
    inside = cv2.resize(mask_of(face), (_HALF, _HALF), interpolation=cv2.INTER_AREA)
    to_edge = cv2.distanceTransform(np.uint8(inside > 0.5), cv2.DIST_L2, 5) * 2 / UNIT_PX
    dome = np.sqrt(np.clip(1 - (1 - np.minimum(to_edge / 0.7, 1)) ** 2, 0, 1)) * 0.62
    depth: Floats = cv2.GaussianBlur(floats(dome), (0, 0), 0.05 * UNIT_PX / 2)
    for centre_x, centre_y, radius_x, radius_y, height in _bumps(identity, shot):
        depth += height * np.exp(-(((x - centre_x) / radius_x) ** 2) - ((y - centre_y) / radius_y) ** 2)
    return floats(cv2.resize(depth, (CANVAS_PX, CANVAS_PX)))


def light_on(depth: Floats, shot: Shot) -> tuple[Floats, Floats]:
    """How much light each pixel sends back, dull and glossy: two float32[320, 320], 1 and 0 on a flat surface."""
    coarse = cv2.resize(depth, (_HALF, _HALF), interpolation=cv2.INTER_AREA)
    slope_x = cv2.Sobel(coarse, cv2.CV_32F, 1, 0, scale=UNIT_PX / 2 / 8)
    slope_y = cv2.Sobel(coarse, cv2.CV_32F, 0, 1, scale=UNIT_PX / 2 / 8)
    length = np.sqrt(slope_x**2 + slope_y**2 + 1)
    light = floats([shot.light_x, shot.light_y, 1.1])
    light /= np.linalg.norm(light)
    facing = (-slope_x * light[0] - slope_y * light[1] + light[2]) / length
    wrap = 0.25  # light that goes under the skin comes out where the surface has just turned away
    dull = np.clip((facing + wrap) / (light[2] + wrap), 0, None)
    dull = shot.ambient + (1 - shot.ambient) * dull
    half = light + floats([0, 0, 1])
    half /= np.linalg.norm(half)
    shine = np.clip((-slope_x * half[0] - slope_y * half[1] + half[2]) / length, 0, 1)
    gloss = np.clip(shine**24 - half[2] ** 24 * 0.75, 0, None) * (coarse > 0.1)
    whole = (CANVAS_PX, CANVAS_PX)
    return cv2.resize(dull, whole), cv2.resize(gloss, whole)


def _bumps(identity: Identity, shot: Shot) -> list[tuple[float, float, float, float, float]]:
    """Where the face stands out or falls back: centre x and y, radius x and y, height."""
    eye_x, eye_y, nose_w = identity.eye_distance, identity.eye_y, identity.nose_width
    tip_y = eye_y + identity.nose_length
    nose = identity.nose_depth
    bumps = [
        (0.0, eye_y + 0.45 * identity.nose_length, 0.075, 0.2, 0.1 * nose),
        (0.0, tip_y - 0.03, 0.55 * nose_w, 0.085, 0.13 * nose),
        (0.0, identity.mouth_y + 0.01, 0.22, 0.1, 0.05),
        (0.0, identity.mouth_y + 0.16, 0.13, 0.04, -0.03),
        (0.0, identity.mouth_y - 0.12, 0.022, 0.05, -0.012),
        (0.0, identity.chin_y - 0.13, 0.15, 0.1, 0.05),
        (0.0, -0.5, 0.35, 0.22, 0.03),
    ]
    for side in SIDES:
        bumps += [
            (side * 0.8 * nose_w, tip_y, 0.05, 0.05, 0.055 * nose),
            (side * eye_x, eye_y, 0.15, 0.1, -0.085),
            (side * eye_x, eye_y, 0.1, 0.06, 0.03),
            (side * eye_x, eye_y - identity.brow_gap + 0.03, 0.2, 0.055, 0.04),
            (side * 0.45, 0.24 - 0.03 * shot.smile, 0.15, 0.12, 0.045 + 0.03 * shot.smile),
            (side * 0.62, -0.38, 0.1, 0.16, -0.03),
        ]
    return bumps


@cache
def _grid() -> tuple[Floats, Floats]:
    """The half-resolution pixels' centres in face units."""
    at = np.arange(_HALF) * 2 + 0.5
    x, y = np.meshgrid((at - ORIGIN_PX[0]) / UNIT_PX, (at - ORIGIN_PX[1]) / UNIT_PX)
    return floats(x), floats(y)
