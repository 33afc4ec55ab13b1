"""Shots that follow each other as a video's frames do: the person moves, speaks and blinks, and the light wanders."""

import dataclasses
from typing import Any, Final

import numpy as np

from .drawing import Floats, Shot, draw_shot

FRAMES_PER_SECOND: Final = 25
_ROOM: Final = 0.62  # the face's size in a clip, by that in a single picture: there is room about it
_STEADINESS: Final = 0.6  # the pose's, likewise: who speaks to a camera looks at it

# How far each strays from where it began, and about how many times a second it comes back.
_STRAYING: Final = {
    "yaw": (0.18, 0.5),
    "pitch": (0.12, 0.5),
    "roll_deg": (3.0, 0.4),
    "zoom": (0.02, 0.3),
    "offset_x": (0.1, 0.3),
    "offset_y": (0.04, 0.4),
    "smile": (0.35, 0.5),
    "mouth_open": (0.35, 2.5),
    "eyes_open": (0.12, 0.8),
    "brows_up": (0.015, 0.8),
    "gaze_x": (0.15, 0.7),
    "light_x": (0.3, 0.25),
    "light_y": (0.15, 0.25),
    "exposure": (0.05, 0.3),
}
_EXPRESSION: Final = ("smile", "mouth_open", "eyes_open", "brows_up", "gaze_x")


def draw_clip(rng: np.random.Generator, frames: int) -> list[Shot]:
    """So many shots of one person in one room, at 25 a second, with room about the face."""
    first = draw_shot(rng)
    first = dataclasses.replace(
        first,
        yaw=_STEADINESS * first.yaw,
        pitch=_STEADINESS * first.pitch,
        zoom=_ROOM * first.zoom,
        offset_x=float(rng.uniform(-0.25, 0.25)),
        offset_y=float(rng.uniform(0.05, 0.2)),
    )
    paths = {name: getattr(first, name) + far * _wander(rng, frames, often) for name, (far, often) in _STRAYING.items()}
    paths["mouth_open"] = paths["mouth_open"].clip(0, 0.9)
    paths["eyes_open"] = paths["eyes_open"].clip(0.5, 1.05)
    moments: list[dict[str, Any]] = [{name: float(path[at]) for name, path in paths.items()} for at in range(frames)]
    return [dataclasses.replace(first, **moment) for moment in moments]


def with_expression(shot: Shot, of: Shot) -> Shot:
    """The shot, but with another's mouth, eyes and brows."""
    return dataclasses.replace(shot, **{name: getattr(of, name) for name in _EXPRESSION})


def _wander(rng: np.random.Generator, frames: int, per_second: float) -> Floats:
    """float[frames] in [-1, 1], 0 at first: two waves about so often, out of step."""
    turns = 2 * np.pi * np.arange(frames) / FRAMES_PER_SECOND
    often = per_second * rng.uniform(0.7, 1.4, 2)
    begin = rng.uniform(0, 2 * np.pi, 2)
    path: Floats = np.sin(np.outer(turns, often) + begin) @ [0.35, 0.15]
    centred: Floats = path - path[0]
    return centred
