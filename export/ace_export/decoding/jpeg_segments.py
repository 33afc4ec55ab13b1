"""The segments of a JPEG's header, found as libjpeg finds them."""

from typing import NamedTuple

import tensorflow as tf

from .octets import BEYOND, big

MAX_STEPS = 2000  # segments, stray bytes and fill bytes; what stands behind them is not found


class Segments(NamedTuple):
    """Those before and with the first scan's, in the order of the file."""

    markers: tf.Tensor  # int32[n]: 0xC0 to 0xFE, what follows the 0xFF
    starts: tf.Tensor  # int32[n]: where the 0xFF stands
    ends: tf.Tensor  # int32[n]: where the next segment begins, never beyond the end of the file


def segments(file: tf.Tensor) -> Segments:
    """string[] as `octets` → its segments. Lengths that lie are cut at the end of the file."""
    end = tf.size(file) - BEYOND

    def more(at: tf.Tensor, found: tf.TensorArray) -> tf.Tensor:
        marker = file[at + 1]
        ends = (file[at] == 0xFF) & ((marker == 0xDA) | (marker == 0xD9))
        return (at < end) & ~ends

    def step(at: tf.Tensor, found: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
        following = _following(file, at, end)
        return following, found.write(found.size(), tf.stack([tf.cast(file[at + 1], tf.int32), at, following]))

    found = tf.TensorArray(tf.int32, size=0, dynamic_size=True, element_shape=[3], clear_after_read=False)
    at, found = tf.while_loop(more, step, (tf.constant(2), found), maximum_iterations=MAX_STEPS)
    found = found.write(found.size(), tf.stack([tf.cast(file[at + 1], tf.int32), at, _following(file, at, end)]))
    steps = found.stack()
    real = tf.gather(file, steps[:, 1]) == 0xFF  # or a stray byte
    real &= (steps[:, 0] >= 0xC0) & (steps[:, 0] != 0xFF)
    markers, starts, ends = tf.unstack(tf.boolean_mask(steps, real), num=3, axis=1)
    return Segments(markers, starts, ends)


def _following(file: tf.Tensor, at: tf.Tensor, end: tf.Tensor) -> tf.Tensor:
    """Where to look for the next marker: libjpeg skips stray bytes, and 0xFF that fill the room between segments."""
    marker = file[at + 1]
    stray = (file[at] != 0xFF) | (marker == 0xFF)
    stands_alone = (marker < 0xC0) | ((marker >= 0xD0) & (marker < 0xD8))
    length = tf.cast(big(file, (2, 2), at=at)[0], tf.int32)
    return tf.minimum(at + tf.where(stray, 1, tf.where(stands_alone, 2, 2 + length)), end)
