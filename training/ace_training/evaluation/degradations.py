"""What happens to images on their way through the net, by kind and strength, to see what a detector makes of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from ace_training.camera import Frame

Degrade = Callable[[Frame, float], bytes]  # uint8[height, width, 3], BGR, and the strength → an encoded image

LOSSLESS: Final = ".bmp"
FIRST_QUALITY: Final = 90  # of a double JPEG
GRID_SHIFT_PX: Final = 4  # between its two grids of 8×8 blocks


@dataclass(frozen=True)
class Degradation:
    """One kind, and the strengths that it is tried in, from the mildest on."""

    name: str
    unit: str  # of the strength
    strengths: tuple[float, ...]
    apply: Degrade


def _jpeg(image: Frame, quality: float) -> bytes:
    return _encoded(image, ".jpg", cv2.IMWRITE_JPEG_QUALITY, int(quality))


def _scale(image: Frame, scale: float) -> bytes:
    height, width = (max(1, round(side * scale)) for side in image.shape[:2])
    return _encoded(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA))


def _blur(image: Frame, sigma_px: float) -> bytes:
    return _encoded(cv2.GaussianBlur(image, (0, 0), sigma_px) if sigma_px else image)


def _noise(image: Frame, deviation: float) -> bytes:
    rng = np.random.default_rng(image.size)  # the same image, the same noise
    grain = rng.standard_normal(image.shape, dtype=np.float32) * deviation
    return _encoded(_to_levels(image + grain))


def _brightness(image: Frame, factor: float) -> bytes:
    return _encoded(_to_levels(image * np.float32(factor)))


def _double_jpeg(image: Frame, quality: float) -> bytes:
    """Saved at 90, cropped so that the second grid of blocks lies across the first, and saved again."""
    once = np.asarray(cv2.imdecode(np.frombuffer(_jpeg(image, FIRST_QUALITY), np.uint8), cv2.IMREAD_COLOR))
    shift = GRID_SHIFT_PX if min(once.shape[:2]) > 2 * GRID_SHIFT_PX else 0
    return _jpeg(once[shift:, shift:], quality)


def _to_levels(image: npt.NDArray[np.float32]) -> Frame:
    levels: Frame = np.clip(image + 0.5, 0, 255).astype(np.uint8)
    return levels


def _encoded(image: Frame, suffix: str = LOSSLESS, *parameters: int) -> bytes:
    return bytes(cv2.imencode(suffix, image, parameters)[1])


DEGRADATIONS: Final = (
    Degradation("JPEG", "quality", (100, 90, 75, 60, 40, 20), _jpeg),
    Degradation("Scale", "of the image's size", (1, 0.75, 0.5, 0.35, 0.25), _scale),
    Degradation("Blur", "standard deviation, pixels", (0, 0.5, 1, 2, 3), _blur),
    Degradation("Noise", "standard deviation, levels of 255", (0, 3, 6, 12, 25), _noise),
    Degradation("Brightness", "factor", (0.4, 0.7, 1, 1.3, 1.8), _brightness),
    Degradation("Double JPEG", "second quality, after 90", (100, 90, 75, 60, 40, 20), _double_jpeg),
)
