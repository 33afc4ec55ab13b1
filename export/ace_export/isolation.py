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
from .decoding import headers
from .settings import DEFAULT_MAX_PIXELS

Unpack = Callable[[tf.Tensor], tf.Tensor]


class Isolated(NamedTuple):
    """The images of a batch of n, those that decode first."""

    pixels: tf.Tensor  # uint8[n, height, width, 3], RGB; black where nothing is left to decode
    places: tf.Tensor  # int32[n]: where in the batch each row belongs; n for the black ones
    errors: tf.Tensor  # string[n], in the batch's order: why the image does not decode; empty where it does


def isolate(
    image_bytes: tf.Tensor,
    size: tuple[int, int],
    *,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    unpack: Unpack = lambda data: data,
) -> Isolated:
    """string[n] → the pixels of those that decode, and the reasons of those that do not. n may be 0.

    `size` is height and width. An image whose header states more than `max_pixels` is refused before it is decoded.
    `unpack` takes one image's bytes out of what holds them, and is isolated like the decoding.
    """

    def read(data: tf.Tensor, place: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return pixels.resize(pixels.decode(unpack(data), max_pixels=max_pixels), size), place

    with tf.device("/cpu:0"):  # strings have no GPU kernels
        count = tf.shape(image_bytes)[0]
        images, places = _survivors(image_bytes, read, missing=(tf.zeros([*size, 3], tf.uint8), count))
        decoded = in_place(tf.ones_like(places, tf.bool), places, missing=False)
        errors = tf.cond(
            tf.reduce_all(decoded),
            lambda: tf.zeros_like(image_bytes),
            lambda: tf.where(decoded, "", _reasons(image_bytes, max_pixels, unpack)),
        )
        return Isolated(images, places, errors)


def _survivors(
    image_bytes: tf.Tensor,
    function: Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]],
    *,
    missing: tuple[tf.Tensor, tf.Tensor],
) -> tuple[tf.Tensor, tf.Tensor]:
    """What the function makes of each image and its place where it does not fail, then what is missing: n rows."""
    count = tf.shape(image_bytes)[0]
    rows = tf.cast(tf.maximum(count, 1), tf.int64)
    batch = (
        tf.data.Dataset.from_tensor_slices((image_bytes, tf.range(count)))
        .map(tf.autograph.experimental.do_not_convert(function), num_parallel_calls=tf.data.AUTOTUNE)
        .ignore_errors()
        .concatenate(tf.data.Dataset.from_tensors(missing).repeat(rows))
        .take(rows)
        .batch(rows)
        .get_single_element()
    )
    return batch[0][:count], batch[1][:count]


def in_place(rows: tf.Tensor, places: tf.Tensor, *, missing: bool | float) -> tf.Tensor:
    """What was computed for each row, put where the row's image stood in the batch: T[n, ...], int32[n] → T[n, ...]."""
    count = tf.shape(places)[0]
    shape = tf.concat([[count + 1], tf.shape(rows)[1:]], axis=0)
    answers = tf.fill(shape, tf.cast(missing, rows.dtype))  # the black rows all write to the last one
    return tf.tensor_scatter_nd_update(answers, places[:, tf.newaxis], rows)[:count]


def _reasons(image_bytes: tf.Tensor, max_pixels: int, unpack: Unpack) -> tf.Tensor:
    """Why each image would not decode, as its header or its first bytes tell: string[n] → string[n]."""
    broken = tf.constant([f"truncated or corrupt {name}" for name, _, _ in headers.FORMATS] + [headers.UNKNOWN])

    def reason(data: tf.Tensor, place: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        data = unpack(data)
        refusal = headers.refusal(data, max_pixels)
        return tf.where(refusal == "", tf.gather(broken, headers.format_of(data)), refusal), place

    count = tf.shape(image_bytes)[0]
    known, places = _survivors(image_bytes, reason, missing=(tf.constant(""), count))
    reasons = tf.tensor_scatter_nd_update(tf.fill([count + 1], ""), places[:, tf.newaxis], known)[:count]
    return tf.where(reasons == "", tf.gather(broken, headers.format_of(image_bytes)), reasons)
