import cv2
import numpy as np
import pytest
import tensorflow as tf

from ace_export import pixels
from ace_export.rare_files import gif

RNG = np.random.default_rng(0)
INDICES = RNG.integers(0, 128, (30, 40), np.uint8)
COLOURS = RNG.integers(0, 256, (128, 3), np.uint8)
PLAIN = gif(INDICES, COLOURS)
SCREEN_BYTES, TABLE_BYTES = 13, 3 * 128
FRAME = PLAIN.index(b"\x2c\0\0\0\0\x28\0\x1e\0")  # its descriptor


def with_frame(descriptor: bytes, screen: bytes = b"\x28\0\x1e\0") -> bytes:
    return b"GIF89a" + screen + PLAIN[10:FRAME] + descriptor + PLAIN[FRAME + 10 :]


READABLE = {
    "plain": PLAIN,
    "transparent": gif(INDICES, COLOURS, transparent=7, background=9),
    "transparent beyond the colours": gif(INDICES, COLOURS, transparent=200),
    "on a larger screen": with_frame(b"\x2c\5\0\7\0\x28\0\x1e\0\0", screen=b"\x50\0\x40\0"),
    "interlaced": with_frame(b"\x2c\0\0\0\0\x28\0\x1e\0\x40"),
    "with colours of its own": with_frame(b"\x2c\0\0\0\0\x28\0\x1e\0\x82" + bytes(range(24))),
    "without colours": PLAIN[:10] + b"\0\0\0" + PLAIN[FRAME:],
    "behind comments": PLAIN[:FRAME] + b"\x21\xfe\5hello\3abc\0" * 20 + PLAIN[FRAME:],
    "before another frame": PLAIN[:-1] + PLAIN[FRAME:],
    "in short blocks": PLAIN[: FRAME + 11]
    + b"".join(
        b"\1" + bytes([code]) for at in range(0, 1200, 120) for code in b"\x80" + INDICES.tobytes()[at : at + 120]
    )
    + b"\1\x81\0\x3b",
}


@pytest.mark.parametrize("kind", READABLE)
def test_the_first_frame_is_that_of_opencv_bit_for_bit(kind: str):
    data = READABLE[kind]
    expected = cv2.cvtColor(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)

    np.testing.assert_array_equal(pixels.decode(tf.constant(data)), expected)


BROKEN = {
    "cut in its data": PLAIN[:-100],
    "without an end": PLAIN[:-1],
    "with too little data": PLAIN[:-300] + b"\0\x3b",
    "with codes that name nothing": PLAIN[: FRAME + 12] + b"\xff" * 40 + PLAIN[FRAME + 52 :],
    "beyond its screen": with_frame(b"\x2c\5\0\7\0\x28\0\x1e\0\0"),
    "of nothing but extensions": PLAIN[:FRAME] + b"\x21\xfe\0" * 5000,
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_first_frame_is_not_answered(kind: str):
    with pytest.raises(tf.errors.InvalidArgumentError):
        pixels.decode(tf.constant(BROKEN[kind]))


def test_the_frames_behind_the_first_are_never_unpacked():
    """They are broken, which a decoder of all frames reports."""
    bomb = PLAIN[:-1] + PLAIN[FRAME : FRAME + 60] + b"\x3b"

    np.testing.assert_array_equal(pixels.decode(tf.constant(bomb)), pixels.decode(tf.constant(PLAIN)))
