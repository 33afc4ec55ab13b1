"""Images that the exported graph must answer like the reference: drawn here, the same at every export."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .rare_files import cmyk_jpeg, enlarged, exif, gif, jpeg_with_exif, palette_png, png_with_chunk

SEED = 7
_RAMP = np.linspace([0, 40, 80], [255, 215, 175], 128).astype(np.uint8)  # a GIF's colours
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
    """Every format, orientation and kind of channels, several sizes and qualities, and images to be refused."""
    rng = np.random.default_rng(SEED)
    portrait = scene(rng, 320, 280)
    small = scene(rng, 120, 90)
    jpeg, png = _encoded("", ".jpg", small).data, _encoded("png", ".png", small)
    return [
        *(_encoded(f"jpeg quality {q}", ".jpg", portrait, cv2.IMWRITE_JPEG_QUALITY, q) for q in (30, 60, 75, 90, 98)),
        _encoded("jpeg 100x150", ".jpg", scene(rng, 150, 100)),
        _encoded("jpeg 1280x720", ".jpg", scene(rng, 720, 1280), cv2.IMWRITE_JPEG_QUALITY, 60),
        _encoded("jpeg 301x227", ".jpg", scene(rng, 227, 301)),
        _encoded("jpeg progressive", ".jpg", portrait, cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
        _encoded("jpeg grey", ".jpg", grey(portrait)),
        *(
            GoldenImage(f"exif {number}", jpeg_with_exif(jpeg, exif(number, byte_order="<>"[number % 2])))
            for number in range(1, 9)
        ),
        *_four_channels(small),
        png,
        _encoded("png grey", ".png", grey(portrait)),
        _encoded("png 16 bits", ".png", small.astype(np.uint16) * 251),
        _encoded("png alpha", ".png", with_alpha(small)),
        GoldenImage("png palette", palette_png(grey(small), rng.integers(0, 256, (256, 3), np.uint8))),
        GoldenImage("png exif 6", png_with_chunk(png.data, b"eXIf", exif(6))),
        _encoded("bmp", ".bmp", small),
        _encoded("bmp grey", ".bmp", grey(small)),
        GoldenImage("gif", gif(grey(small) // 2, rng.integers(0, 256, (128, 3), np.uint8))),
        GoldenImage("gif transparent", gif(grey(small) // 2, _RAMP, transparent=60, background=9)),
        _encoded("webp", ".webp", portrait, cv2.IMWRITE_WEBP_QUALITY, 80),
        _encoded("webp alpha", ".webp", with_alpha(small), cv2.IMWRITE_WEBP_QUALITY, 80),
        GoldenImage("jpeg truncated", jpeg[:-200], readable=False),
        GoldenImage("jpeg of 3.6 gigapixels", enlarged(jpeg, 60000, 60000), readable=False),
        GoldenImage("png truncated", png.data[: len(png.data) // 2], readable=False),
        GoldenImage("text", b"not an image", readable=False),
        GoldenImage("empty", b"", readable=False),
    ]


def _four_channels(image: NDArray[np.uint8]) -> list[GoldenImage]:
    """CMYK as it is and with Adobe's marker, and YCCK, which that marker names."""
    planes = [image[..., 0], image[..., 1], image[..., 2], grey(image)]
    names = {"cmyk": None, "cmyk adobe": 0, "ycck": 2}
    return [GoldenImage(name, cmyk_jpeg(planes, transform=transform)) for name, transform in names.items()]


def scene(rng: np.random.Generator, height: int, width: int) -> NDArray[np.uint8]:
    """A face's share of smooth and sharp: an oval and its features over a gradient, under sensor noise. BGR."""
    rows, columns = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    light = rng.uniform(60, 200, 3) + 80 * (rows * rng.uniform(-1, 1) + columns * rng.uniform(-1, 1))[..., np.newaxis]
    image = light.clip(0, 255).astype(np.uint8)
    for x, y, half_width, half_height in OVALS:
        centre, axes = (int(x * width), int(y * height)), (int(half_width * width), int(half_height * height))
        cv2.ellipse(image, centre, axes, rng.uniform(-8, 8), 0, 360, rng.uniform(0, 255, 3).tolist(), -1, cv2.LINE_AA)
    noisy = image + rng.normal(0, 4, image.shape)
    return np.asarray(noisy.clip(0, 255).round(), np.uint8)


def grey(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Lightness as OpenCV weighs it: BGR → one channel."""
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)


def with_alpha(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """More transparent from left to right."""
    alpha = np.broadcast_to(np.linspace(255, 0, image.shape[1]).astype(np.uint8), image.shape[:2])
    return np.asarray(np.dstack([image, alpha]), np.uint8)


def _encoded(name: str, suffix: str, image: NDArray[np.uint8] | NDArray[np.uint16], *parameters: int) -> GoldenImage:
    return GoldenImage(name, cv2.imencode(suffix, image, parameters)[1].tobytes())
