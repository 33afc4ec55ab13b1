"""Images that the exported graph must answer like the reference: drawn here, the same at every export."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

SEED = 7
OVALS = (  # of a drawn face: centre x and y, half width and half height, as shares of the image
    (0.5, 0.5, 0.3, 0.4),
    (0.4, 0.4, 0.06, 0.03),
    (0.6, 0.4, 0.06, 0.03),
    (0.5, 0.7, 0.12, 0.04),
)


@dataclass(frozen=True)
class GoldenImage:
    """One encoded image, and whether a detector can answer it at all."""

    name: str
    data: bytes
    readable: bool = True


def draw() -> list[GoldenImage]:
    """Every format, several sizes and JPEG qualities, colour and grey, and images that must be refused."""
    rng = np.random.default_rng(SEED)
    portrait = _scene(rng, 320, 280)
    png = _encoded("png", ".png", portrait)
    return [
        *(_encoded(f"jpeg quality {q}", ".jpg", portrait, cv2.IMWRITE_JPEG_QUALITY, q) for q in (30, 60, 75, 90, 98)),
        _encoded("jpeg 100x150", ".jpg", _scene(rng, 150, 100)),
        _encoded("jpeg 1920x1080", ".jpg", _scene(rng, 1080, 1920)),
        _encoded("jpeg 301x227", ".jpg", _scene(rng, 227, 301)),
        _encoded("jpeg progressive", ".jpg", portrait, cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
        _encoded("jpeg grey", ".jpg", _grey(portrait)),
        png,
        _encoded("png grey", ".png", _grey(portrait)),
        _encoded("bmp", ".bmp", portrait),
        _encoded("webp", ".webp", portrait, cv2.IMWRITE_WEBP_QUALITY, 80),
        GoldenImage("png truncated", png.data[: len(png.data) // 2], readable=False),
        GoldenImage("text", b"not an image", readable=False),
        GoldenImage("empty", b"", readable=False),
    ]


def _scene(rng: np.random.Generator, height: int, width: int) -> NDArray[np.uint8]:
    """A face's share of smooth and sharp: an oval and its features over a gradient, under sensor noise. BGR."""
    rows, columns = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    light = rng.uniform(60, 200, 3) + 80 * (rows * rng.uniform(-1, 1) + columns * rng.uniform(-1, 1))[..., np.newaxis]
    image = light.clip(0, 255).astype(np.uint8)
    for x, y, half_width, half_height in OVALS:
        centre, axes = (int(x * width), int(y * height)), (int(half_width * width), int(half_height * height))
        cv2.ellipse(image, centre, axes, rng.uniform(-8, 8), 0, 360, rng.uniform(0, 255, 3).tolist(), -1, cv2.LINE_AA)
    noisy = image + rng.normal(0, 4, image.shape)
    return np.asarray(noisy.clip(0, 255).round(), np.uint8)


def _grey(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)


def _encoded(name: str, suffix: str, image: NDArray[np.uint8], *parameters: int) -> GoldenImage:
    return GoldenImage(name, cv2.imencode(suffix, image, parameters)[1].tobytes())
