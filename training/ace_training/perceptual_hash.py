"""A picture's 64 bits that scaling and re-encoding hardly change, and which pictures are near each other by them.

The hash is that of pHash (Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010): the low
frequencies of the picture's cosine transform, each above their median or not.
"""

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

Grey = npt.NDArray[np.uint8]  # [height, width]
Hashes = npt.NDArray[np.uint64]  # [n]

_SIDE_PX: Final = 32
_FREQUENCIES: Final = 8  # across and down, after the picture's mean and its lowest one
_ROWS: Final = 1024  # compared with all others at a time


def perceptual_hash(grey: Grey) -> int:
    """64 bits: the cosine transform's frequencies 1 to 8 across and down, 1 where above their median."""
    small = cv2.resize(grey, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA).astype(np.float32)
    low = cv2.dct(small)[1 : _FREQUENCIES + 1, 1 : _FREQUENCIES + 1].ravel()
    return int.from_bytes(np.packbits(low > np.median(low)).tobytes(), "big")


def near_pairs(one: Hashes, other: Hashes, *, most_bits: int) -> list[tuple[int, int, int]]:
    """Every pair with at most so many different bits: its place in the one, in the other, its distance in bits."""
    pairs: list[tuple[int, int, int]] = []
    for first in range(0, len(one), _ROWS):
        apart = np.bitwise_count(one[first : first + _ROWS, None] ^ other[None, :])
        rows, columns = np.nonzero(apart <= most_bits)
        pairs += zip((rows + first).tolist(), columns.tolist(), apart[rows, columns].tolist(), strict=True)
    return pairs
