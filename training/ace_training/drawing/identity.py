"""Who is in the picture: everything about a drawn face that stays the same from one picture to the next."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from .painting import Floats, floats

_SKIN_TONES: Final = ("f0cfb6", "e6ba97", "dcab84", "c68e66", "a9714a", "80502f", "5a3822")  # light to dark
_HAIR_COLOURS: Final = ("16110e", "2e2018", "4d3421", "6e4a2c", "84502d", "b08d57", "d6bb86", "8d8a86", "c9c7c3")
_IRIS_COLOURS: Final = ("2d1a10", "4a2d18", "6b4a26", "5c6b3c", "4d7187", "6c8fa8", "70777a")


@dataclass(frozen=True, kw_only=True)
class Identity:
    """One person. Lengths are in half face heights, the face's centre at (0, 0), the chin near y = 1."""

    seed: int  # of the skin's and the hair's own texture
    skin: Floats  # [3], RGB in [0, 1], as are all colours
    hair: Floats
    iris: Floats
    lip_redness: float
    cheek_width: float
    jaw_width: float
    chin_width: float
    chin_y: float
    eye_distance: float
    eye_y: float
    eye_width: float
    eye_height: float
    eye_slant: float
    brow_thickness: float
    brow_arch: float
    brow_gap: float
    nose_width: float
    nose_length: float
    nose_depth: float
    mouth_width: float
    upper_lip: float
    lower_lip: float
    mouth_y: float
    ear_size: float
    hairline_y: float
    hair_volume: float
    hair_length: float  # 0 ends above the ears, 1 below the shoulders
    parting_x: float
    fringe: float  # 0 shows the forehead, 1 covers it down to the brows
    beard: float  # 0 none, 1 full
    freckles: float
    wrinkles: float
    glasses: bool

    @property
    def bald(self) -> bool:
        """Whether there is no hair on the head."""
        return self.hair_volume == 0

    @property
    def long_haired(self) -> bool:
        """Whether the hair hangs down below the ears."""
        return self.hair_length > 0.2


def draw_identity(rng: np.random.Generator) -> Identity:
    """A person at random."""

    def about(mean: float, deviation: float) -> float:
        return float(mean + deviation * np.clip(rng.normal(), -2, 2))

    long_haired = rng.random() < 0.5
    bald = not long_haired and rng.random() < 0.12
    return Identity(
        seed=int(rng.integers(2**31)),
        skin=_between(_SKIN_TONES, rng) + floats(rng.normal(0, 0.008, 3)),
        hair=_between(_HAIR_COLOURS, rng),
        iris=_between(_IRIS_COLOURS, rng),
        lip_redness=rng.uniform(0.15, 0.75 if long_haired else 0.4),
        cheek_width=about(0.74, 0.035),
        jaw_width=about(0.57 if long_haired else 0.62, 0.035),
        chin_width=about(0.25 if long_haired else 0.3, 0.04),
        chin_y=about(1.0, 0.04),
        eye_distance=about(0.325, 0.018),
        eye_y=about(-0.08, 0.02),
        eye_width=about(0.15, 0.01),
        eye_height=about(0.07, 0.01),
        eye_slant=about(0.02, 0.02),
        brow_thickness=about(0.034 if long_haired else 0.046, 0.008),
        brow_arch=about(0.06, 0.02),
        brow_gap=about(0.2, 0.02),
        nose_width=about(0.155, 0.022),
        nose_length=about(0.4, 0.03),
        nose_depth=about(1.0, 0.15),
        mouth_width=about(0.265, 0.025),
        upper_lip=about(0.05, 0.012),
        lower_lip=about(0.07, 0.015),
        mouth_y=about(0.55, 0.02),
        ear_size=about(0.2, 0.02),
        hairline_y=about(-0.72, 0.05),
        hair_volume=0.0 if bald else rng.uniform(0.05, 0.2),
        hair_length=rng.uniform(0.35, 1.0) if long_haired else rng.uniform(0.0, 0.12),
        parting_x=rng.uniform(-0.4, 0.4),
        fringe=rng.uniform(0.4, 0.9) if rng.random() < 0.25 and not bald else rng.uniform(0, 0.15),
        beard=0.0 if long_haired else max(0.0, rng.uniform(-0.8, 1.0)),
        freckles=max(0.0, rng.uniform(-2.0, 1.0)),
        wrinkles=rng.uniform(0.0, 1.0) ** 2,
        glasses=bool(rng.random() < 0.15),
    )


def _between(hex_colours: tuple[str, ...], rng: np.random.Generator) -> Floats:
    """A colour somewhere on the way between two neighbours of the palette."""
    palette = floats([list(bytes.fromhex(colour)) for colour in hex_colours]) / 255
    at = rng.uniform(0, len(palette) - 1)
    low = min(int(at), len(palette) - 2)
    return floats(palette[low] + (at - low) * (palette[low + 1] - palette[low]))
