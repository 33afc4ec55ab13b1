"""Fakes made of real images: a face blended into itself, slightly changed.

After Shiohara and Yamasaki, Detecting Deepfakes with Self-Blended Images, CVPR 2022 (arXiv:2204.08376): what such fakes
share with face swaps is the seam, and no forger's model is learnt by heart. Their mask is the hull of found landmarks;
here it is a soft ellipse of uneven outline about the middle, where a crop of a face has it.
"""

import math
from typing import Final

import tensorflow as tf

from .image_ops import grid, levels, move, recolour, rescale, sharpen

COLOUR_CHANGE: Final = 0.15
SHARPENING: Final = (0.5, 2.0)
RESCALING: Final = (0.25, 0.6)
MOVING: Final = 0.04  # of the sides
BLENDS: Final = (0.25, 0.5, 0.75, 1.0, 1.0, 1.0)  # the paper's: half of the faces are replaced in full
LEAST_HALF_AXES: Final = (0.26, 0.18)  # of the mask, down and across, as shares of the sides
MOST_HALF_AXES: Final = (0.42, 0.36)
_WAVES: Final = (2.0, 3.0, 4.0, 5.0)  # around the outline


def self_blend(image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """A fake of a real face: uint8[height, width, 3] → the same."""
    change, side, motion, outline, amount = tf.unstack(tf.random.split(seed, 5))
    changed = _changed(image, change)
    inward = tf.random.stateless_uniform([], side) < 0.5  # the change is in the face, or all around it
    face, frame = tf.where(inward, changed, image), tf.where(inward, image, changed)
    face = move(face, motion, MOVING)
    blend = tf.gather(BLENDS, tf.random.stateless_uniform([], amount, 0, len(BLENDS), tf.int32))
    mask = face_mask(image, outline) * blend
    return levels(mask * tf.cast(face, tf.float32) + (1 - mask) * tf.cast(frame, tf.float32))


def face_mask(image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """float32[height, width, 1] from 0 outside to 1 in the face, over an edge that is sharp or wide."""
    place, axes, waves, phases, edge = tf.unstack(tf.random.split(seed, 5))
    middle = tf.random.stateless_uniform([2], place, 0.45, 0.55)
    half = tf.random.stateless_uniform([2], axes, LEAST_HALF_AXES, MOST_HALF_AXES)
    y, x = grid(image)
    y, x = (y - middle[0]) / half[0], (x - middle[1]) / half[1]
    angle = tf.atan2(y + 0 * x, x + 0 * y)[..., tf.newaxis]  # [height, width, 1]
    heights = tf.random.stateless_uniform([len(_WAVES)], waves, 0, 0.1)
    turns = tf.random.stateless_uniform([len(_WAVES)], phases, 0, 2 * math.pi)
    reach = 1 + tf.reduce_sum(heights * tf.cos(angle * _WAVES + turns), -1)  # [height, width]
    softness = tf.random.stateless_uniform([], edge, 0.01, 0.12)
    return tf.sigmoid((reach - tf.sqrt(y**2 + x**2)) / softness)[..., tf.newaxis]


def _changed(image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """The image in other colours, and sharper or blurred by re-sampling."""
    colour, which, extent = tf.unstack(tf.random.split(seed, 3))
    image = recolour(image, colour, COLOUR_CHANGE)
    return tf.cond(
        tf.random.stateless_uniform([], which) < 0.5,
        lambda: sharpen(image, extent, SHARPENING),
        lambda: rescale(image, extent, RESCALING),
    )
