"""A batch of encoded images decoded so that a bad one never fails its neighbours, who may be other callers' images.

An exception inside a graph fails the whole batch, and only `tf.data` can swallow one. Hence a dataset inside the graph
that drops what does not decode. The form matters: `Dataset.reduce` builds its functions anew at each call (20 ms) and
scattering pixels back to their places costs as much as decoding them. Here the good images move up, blank ones fill
the batch, and what the network answers is put back into place, one number an image.
"""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from . import pixels

# What the first bytes say that an image is: name, offset, bytes.
FORMATS = (
    ("JPEG", 0, b"\xff\xd8\xff"),
    ("PNG", 0, b"\x89PNG"),
    ("BMP", 0, b"BM"),
    ("WebP", 8, b"WEBP"),
    ("GIF", 0, b"GIF8"),
)


class Isolated(NamedTuple):
    """The images of a batch of n, those that decode first."""

    pixels: tf.Tensor  # uint8[n, size, size, 3], RGB; black where nothing is left to decode
    places: tf.Tensor  # int32[n]: where in the batch each row belongs; n for the black ones
    errors: tf.Tensor  # string[n], in the batch's order: why the image does not decode; empty where it does


def isolate(
    image_bytes: tf.Tensor,
    size: tuple[int, int],
    *,
    max_pixels: int = 50_000_000,
    unpack: Callable[[tf.Tensor], tf.Tensor] = lambda data: data,
) -> Isolated:
    """string[n] → the pixels of those that decode, and the reasons of those that do not. n may be 0.

    `unpack` takes one image's bytes out of what holds them, and is isolated like the decoding.
    """
    with tf.device("/cpu:0"):  # strings have no GPU kernels
        count = tf.shape(image_bytes)[0]
        rows = tf.cast(tf.maximum(count, 1), tf.int64)
        blank = tf.data.Dataset.from_tensors((tf.zeros([*size, 3], tf.uint8), count)).repeat(rows)
        batch = (
            tf.data.Dataset.from_tensor_slices((image_bytes, tf.range(count)))
            .map(lambda data, place: (_network_sized(unpack(data), size), place), num_parallel_calls=tf.data.AUTOTUNE)
            .ignore_errors()
            .concatenate(blank)
            .take(rows)
            .batch(rows)
            .get_single_element()
        )
        images, places = batch[0][:count], batch[1][:count]
        decoded = in_place(tf.ones_like(places, tf.bool), places, missing=False)
        return Isolated(images, places, tf.where(decoded, "", _reasons(image_bytes)))


def in_place(rows: tf.Tensor, places: tf.Tensor, *, missing: bool | float) -> tf.Tensor:
    """What was computed for each row, put where the row's image stood in the batch: T[n, ...], int32[n] → T[n, ...]."""
    count = tf.shape(places)[0]
    shape = tf.concat([[count + 1], tf.shape(rows)[1:]], axis=0)
    answers = tf.fill(shape, tf.cast(missing, rows.dtype))  # the black rows all write to the last one
    return tf.tensor_scatter_nd_update(answers, places[:, tf.newaxis], rows)[:count]


def _network_sized(data: tf.Tensor, size: tuple[int, int]) -> tf.Tensor:
    return pixels.resize(pixels.decode(data), size)


def _reasons(image_bytes: tf.Tensor) -> tf.Tensor:
    """Why each image would not decode, as its first bytes tell: string[n] → string[n]."""
    head = tf.strings.substr(image_bytes, 0, 12) + b"\0" * 12  # padded, for nothing can be read beyond the end
    reasons = tf.where(image_bytes == b"", "empty", "not an image (JPEG, PNG, BMP, WebP or GIF)")
    for name, offset, signature in FORMATS:
        is_format = tf.strings.substr(head, offset, len(signature)) == signature
        reasons = tf.where(is_format, f"truncated or corrupt {name}", reasons)
    return reasons
