"""How a picture is taken: everything about a drawn face that changes from one picture to the next."""

from dataclasses import dataclass

import numpy as np

from .painting import Floats, floats


@dataclass(frozen=True, kw_only=True)
class Shot:
    """One pose, expression, light and background."""

    seed: int  # of the background and the sensor
    yaw: float  # positive looks to the picture's right, in [-1, 1] for about ±30°
    pitch: float  # positive looks down
    roll_deg: float
    zoom: float  # half the face's height as a share of half the picture's
    offset_x: float  # of the face from the picture's centre, as a share of half the picture
    offset_y: float
    smile: float  # -0.4 sulks, 1 laughs
    mouth_open: float  # 0 closed, 1 wide
    eyes_open: float  # 0.3 nearly shut, 1 open
    brows_up: float
    gaze_x: float
    light_x: float  # where the light comes from: left -1, right 1
    light_y: float  # above -1, below 1
    ambient: float  # the share of light without direction
    exposure: float
    light_colour: Floats
    background: Floats
    background_detail: float
    clothes: Floats


def draw_shot(rng: np.random.Generator) -> Shot:
    """A picture at random."""

    def about(mean: float, deviation: float) -> float:
        return float(mean + deviation * np.clip(rng.normal(), -2, 2))

    warmth = about(0.0, 0.05)
    return Shot(
        seed=int(rng.integers(2**31)),
        yaw=about(0.0, 0.42),
        pitch=about(0.0, 0.3),
        roll_deg=about(0.0, 5.5),
        zoom=about(0.7, 0.05),
        offset_x=about(0.0, 0.05),
        offset_y=about(0.04, 0.04),
        smile=rng.uniform(-0.3, 1.0),
        mouth_open=max(0.0, rng.uniform(-0.9, 0.8)),
        eyes_open=rng.uniform(0.62, 1.05),
        brows_up=about(0.0, 0.02),
        gaze_x=about(0.0, 0.25),
        light_x=rng.uniform(-1.0, 1.0),
        light_y=rng.uniform(-0.9, 0.0),
        ambient=rng.uniform(0.35, 0.65),
        exposure=about(1.0, 0.09),
        light_colour=floats([1 + warmth, 1.0, 1 - warmth]),
        background=floats(rng.uniform(0.12, 0.85) + rng.normal(0, 0.05, 3)).clip(0.05, 0.95),
        background_detail=rng.uniform(0.2, 1.0),
        clothes=floats(rng.uniform(0.08, 0.8) + rng.normal(0, 0.12, 3)).clip(0.04, 0.92),
    )
