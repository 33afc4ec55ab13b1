"""What is sent: images from a folder or drawn, some to a request, some of them none, no two requests alike."""

import io
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np

from ace_client.contract import IMAGE_SUFFIXES

from .errors import NoImages
from .shares import Shares

MAX_IMAGES: Final = 500
"""So many are held in memory, taken evenly over the folder."""

MAX_A_REQUEST: Final = 256

Source: TypeAlias = Path | Shares[str]
"""Where images come from: a folder, or kinds that are drawn, as `draw_images` has them."""

_DRAWN = 32  # images of each size and format
_TABLE = 2**16  # requests until the draw begins anew


@dataclass(frozen=True)
class Mix:
    """How requests are made of images: how many a request, by share; the share of requests whose bytes are no image.

    With `unique` no two requests carry the same bytes: each image has the request's number in a comment.

    Raises:
        ValueError: a number of images out of range, or a share that is none.
    """

    images: Shares[int] = field(default_factory=lambda: Shares((1,), (1.0,)))
    bad: float = 0.0
    unique: bool = True

    def __post_init__(self) -> None:
        if any(not 1 <= count <= MAX_A_REQUEST for count in self.images.values):
            raise ValueError(f"a request holds 1 to {MAX_A_REQUEST} images, not {list(self.images.values)}")
        if not 0 <= self.bad <= 1:
            raise ValueError(f"a share of {self.bad:g} bad requests is none: give a number from 0 to 1")


@dataclass(frozen=True, slots=True)
class Request:
    """What one request carries, and whether its images are `good`; to which of the plan's targets it goes."""

    images: list[bytes]
    good: bool
    target: int


class Payload:
    """The requests of a load by their numbers: the same plan makes the same, whichever process makes it."""

    def __init__(self, images: Sequence[bytes], mix: Mix, weights: Sequence[float], seed: int) -> None:
        """`weights` are the targets' shares."""
        generator = np.random.default_rng([seed, 1])  # apart from the arrivals, which the same seed draws
        self._images = images
        self._mix = mix
        self._counts = mix.images.draw(generator, _TABLE)
        self._bad = generator.random(_TABLE) < mix.bad
        self._first = generator.integers(len(images), size=_TABLE)
        self._targets = Shares(tuple(range(len(weights))), tuple(weights)).draw(generator, _TABLE)

    def request(self, number: int) -> Request:
        """The one of this number, from 0."""
        row = number % _TABLE
        first, size = int(self._first[row]), len(self._images)
        images = [self._images[(first + each) % size] for each in range(self._counts[row])]
        if self._mix.unique:
            images = [marked(image, number * MAX_A_REQUEST + each) for each, image in enumerate(images)]
        if bad := bool(self._bad[row]):
            images = [b"no image" + image[8:] for image in images]
        return Request(images, not bad, self._targets[row])


def read_images(folder: Path) -> list[bytes]:
    """The image files of the folder and of those below it, in the order of their paths, at most `MAX_IMAGES`.

    Raises:
        NoImages: there is no such folder, or no image in it.
    """
    if not folder.is_dir():
        raise NoImages(f"{folder} is no folder: pass --images with one that holds JPEG, PNG, BMP, WebP or GIF files")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file())
    if not paths:
        raise NoImages(f"{folder} holds no image: pass --images with a folder of JPEG, PNG, BMP, WebP or GIF files")
    step = -(-len(paths) // MAX_IMAGES)
    return [path.read_bytes() for path in paths[::step]]


def images_of(source: Source, seed: int) -> list[bytes]:
    """Those of a folder, or drawn ones.

    Raises:
        NoImages: as `read_images`.
    """
    return read_images(source) if isinstance(source, Path) else draw_images(source, seed)


def draw_images(kinds: Shares[str], seed: int) -> list[bytes]:
    """Images of kinds as `640x480.jpg`, in these shares; smooth with some noise, to be as large as photographs.

    Raises:
        ValueError: a kind that is none.
    """
    generator = np.random.default_rng([seed, 2])
    return [_drawn(kind, generator) for kind in kinds.draw(generator, _DRAWN * len(kinds.values))]


def marked(image: bytes, number: int) -> bytes:
    """The image with a number in a comment that no decoder looks at; the pixels are the same."""
    mark = b"ace\0%016d" % number
    if image.startswith(b"\xff\xd8"):  # a JPEG's comment segment
        return b"\xff\xd8\xff\xfe" + (len(mark) + 2).to_bytes(2, "big") + mark + image[2:]
    if image.startswith(b"\x89PNG"):  # a text chunk behind the header
        chunk = b"tEXt" + mark
        framed = len(mark).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big")
        return image[:33] + framed + image[33:]
    if image.startswith(b"RIFF"):  # a chunk of its own at the end
        size = int.from_bytes(image[4:8], "little") + 8 + len(mark)
        return b"RIFF" + size.to_bytes(4, "little") + image[8:] + b"ace " + len(mark).to_bytes(4, "little") + mark
    return image + mark  # BMP and GIF end before it


def _drawn(kind: str, generator: np.random.Generator) -> bytes:
    from matplotlib.image import imsave  # takes half a second

    size, _, suffix = kind.rpartition(".")
    width, _, height = size.partition("x")
    if not (width.isdecimal() and height.isdecimal() and f".{suffix}" in IMAGE_SUFFIXES - {".bmp"}):
        raise ValueError(f"{kind!r} is no kind of image: write it as 640x480.jpg, or .png, .webp or .gif")
    x, y = np.linspace(0, 1, int(width)), np.linspace(0, 1, int(height))[:, np.newaxis]
    waves = [np.sin(generator.uniform(1, 9) * x + generator.uniform(1, 9) * y) for _ in range(3)]
    noise = generator.normal(0, 6, (int(height), int(width), 3))
    pixels = np.clip(128 + 90 * np.stack(waves, axis=-1) + noise, 0, 255).astype(np.uint8)
    stream = io.BytesIO()
    imsave(stream, pixels, format=suffix)
    return stream.getvalue()
