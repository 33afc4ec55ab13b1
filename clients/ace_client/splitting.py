"""Many images as requests that neither a message nor the server's largest batch is too small for, in their order."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from .answers import Verdict
from .errors import ImageError

MAX_REQUEST_BYTES: Final = 32 * 2**20
"""Where a request is split; one image larger than this goes alone."""

_LARGEST_BATCH: Final = re.compile(r"larger than maximum input batch size (\d+)")
_LARGEST_MESSAGE: Final = re.compile(r"message larger than max \(\d+ vs\. (\d+)\)")


@dataclass(slots=True)
class Limits:
    """What fits into one request, as far as is known: a server that takes less says so once."""

    max_images: int
    max_bytes: int = MAX_REQUEST_BYTES

    def learn(self, refusal: str, images: Sequence[bytes]) -> bool:
        """Whether the images that were refused with these words fit in smaller requests; the limits are lowered."""
        if len(images) < 2:
            return False
        if found := _LARGEST_BATCH.search(refusal):
            self.max_images = min(self.max_images, max(int(found[1]), 1))
            return len(images) > self.max_images
        if found := _LARGEST_MESSAGE.search(refusal):
            self.max_bytes = min(self.max_bytes, int(found[1]) * 9 // 10)  # the rest of the message is there too
            if (size := sum(map(len, images))) <= self.max_bytes:
                self.max_bytes = size // 2  # the rest is more than that, as of many small images
            return True
        return False


def too_large(refusal: str, images: Sequence[bytes]) -> ImageError | None:
    """What is wrong with an image that was refused alone, in these words, for the size of its message."""
    found = _LARGEST_MESSAGE.search(refusal)
    if found is None or len(images) != 1:
        return None
    return ImageError(
        f"{len(images[0]):,} bytes do not fit into a message, of which the server, or a proxy before it, takes "
        f"{int(found[1]):,}: scale the image down, or raise that limit"
    )


@dataclass(slots=True)
class Batch:
    """What belongs into one request, and between it, in their order, the verdicts on images that cannot be sent."""

    entries: list[bytes | Verdict] = field(default_factory=list)
    encode_s: float = 0.0  # what reading its images took
    size: int = 0  # bytes

    @property
    def images(self) -> list[bytes]:
        """The images to be sent."""
        return [entry for entry in self.entries if not isinstance(entry, Verdict)]

    def merged(self, answers: Sequence[Verdict]) -> list[Verdict]:
        """A verdict an entry; `answers` are those on the images."""
        found = iter(answers)
        return [entry if isinstance(entry, Verdict) else next(found) for entry in self.entries]


class Splitter:
    """Gathers images into batches within the limits."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._batch = Batch()

    def add(self, entry: bytes | Verdict, encode_s: float = 0.0) -> Iterator[Batch]:
        """One more image, or the verdict on one that cannot be sent; the batches that are full with it, at most two."""
        size = 0 if isinstance(entry, Verdict) else len(entry)
        if self._batch.size + size > self._limits.max_bytes:
            yield from self.rest()
        self._batch.entries.append(entry)
        self._batch.size += size
        self._batch.encode_s += encode_s
        if len(self._batch.entries) >= self._limits.max_images:
            yield from self.rest()

    def rest(self) -> Iterator[Batch]:
        """What has gathered so far, if anything."""
        batch, self._batch = self._batch, Batch()
        if batch.entries:
            yield batch


def parts(images: Sequence[bytes], limits: Limits) -> Iterator[list[bytes]]:
    """The images in order, in groups within the limits."""
    splitter = Splitter(limits)
    for image in images:
        for batch in splitter.add(image):
            yield batch.images
    for batch in splitter.rest():
        yield batch.images
