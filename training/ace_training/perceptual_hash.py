"""Which pictures are the same but for size, quality and the like.

Two are where both their perceptual hashes and their thumbnails say so: few bits tell quickly, but among millions of
pairs of faces some agree by chance. `training/benchmarks/near_duplicates.py` measures what either and both find.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from .drawing import Floats

Grey = npt.NDArray[np.uint8]  # [height, width]

MOST_BITS: Final = 8  # of 64 in which the hashes of two pictures that are the same differ
LEAST_CORRELATION: Final = 0.98  # of their thumbnails
_HASHED_PX: Final = 32
_FREQUENCIES: Final = 8  # across and down, after the picture's mean
_THUMBNAIL_PX: Final = 16
_ROWS: Final = 256  # pictures compared with all others at a time


@dataclass(frozen=True)
class Prints:
    """What pictures are compared by."""

    hashes: npt.NDArray[np.uint64]  # [n]
    thumbnails: Floats  # float32[n, 256], each of mean 0 and length 1

    def of(self, places: list[int]) -> "Prints":
        """Those of some of the pictures."""
        return Prints(self.hashes[places], self.thumbnails[places])


def perceptual_hash(grey: Grey) -> int:
    """64 bits: the cosine transform's frequencies 1 to 8 across and down, 1 where above their median.

    As pHash: Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010.
    """
    small = cv2.resize(grey, (_HASHED_PX, _HASHED_PX), interpolation=cv2.INTER_AREA).astype(np.float32)
    low = cv2.dct(small)[1 : _FREQUENCIES + 1, 1 : _FREQUENCIES + 1].ravel()
    return int.from_bytes(np.packbits(low > np.median(low)).tobytes(), "big")


def thumbnail(grey: Grey) -> Floats:
    """float32[256]: the picture at 16×16 pixels, of mean 0 and length 1; all 0 where it is of one grey."""
    small = cv2.resize(grey, (_THUMBNAIL_PX, _THUMBNAIL_PX), interpolation=cv2.INTER_AREA).astype(np.float32).ravel()
    small -= small.mean()
    unit: Floats = small / max(float(np.linalg.norm(small)), 1e-6)
    return unit


def same_pictures(some: Prints, others: Prints) -> list[tuple[int, int, int]]:
    """For each picture that is the same as one of the others: its place, the most alike's place, the bits between."""
    found: list[tuple[int, int, int]] = []
    if not len(others.hashes):
        return found
    for first in range(0, len(some.hashes), _ROWS):
        apart = np.bitwise_count(some.hashes[first : first + _ROWS, None] ^ others.hashes[None, :])
        near = apart <= MOST_BITS
        rows = np.flatnonzero(near.any(1))
        if len(rows):
            alike = np.where(near[rows], some.thumbnails[first + rows] @ others.thumbnails.T, -1)
            for row, column, correlation in zip(rows, alike.argmax(1), alike.max(1), strict=True):
                if correlation >= LEAST_CORRELATION:
                    found.append((int(first + row), int(column), int(apart[row, column])))
    return found
