"""A picture's 64 bits that scaling and re-encoding hardly change, and which others it is near to by them.

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
_ROWS: Final = 1024  # hashes compared with all others at a time


def perceptual_hash(grey: Grey) -> int:
    """64 bits: the cosine transform's frequencies 1 to 8 across and down, 1 where above their median."""
    small = cv2.resize(grey, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA).astype(np.float32)
    low = cv2.dct(small)[1 : _FREQUENCIES + 1, 1 : _FREQUENCIES + 1].ravel()
    return int.from_bytes(np.packbits(low > np.median(low)).tobytes(), "big")


def nearest(of: Hashes, among: Hashes) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.uint8]]:
    """For each hash the place of the one nearest to it among others, of which there are some, and the bits between."""
    places = np.zeros(len(of), np.intp)
    bits = np.zeros(len(of), np.uint8)
    for first in range(0, len(of), _ROWS):
        part = slice(first, first + _ROWS)
        apart = np.bitwise_count(of[part, None] ^ among[None, :])
        places[part] = apart.argmin(1)
        bits[part] = apart.min(1)
    return places, bits
