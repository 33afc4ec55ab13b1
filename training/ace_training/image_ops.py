"""Small ways to vary an image: uint8[height, width, 3], RGB → the same shape, by TensorFlow ops alone.

Each draws what is random in it from its `seed`, int[2], and from nothing else, so that an image varied by the same seed
is the same image: eagerly, inside `tf.data`, in this run or in the one that goes on after it.
"""

import math

import tensorflow as tf

Span = tuple[float, float]


def flip(image: tf.Tensor) -> tf.Tensor:
    """The image mirrored, left to right."""
    return tf.reverse(image, [1])


def crop(image: tf.Tensor, seed: tf.Tensor, sides: Span) -> tf.Tensor:
    """A part of the image, each of its sides that share of the image's, stretched to the whole."""
    sizes, places = tf.unstack(tf.random.split(seed, 2))
    size = tf.random.stateless_uniform([2], sizes, *sides)
    start = tf.random.stateless_uniform([2], places) * (1 - size)
    boxes = tf.concat([start, start + size], 0)[tf.newaxis]
    return levels(tf.image.crop_and_resize(image[tf.newaxis], boxes, [0], tf.shape(image)[:2])[0])


def recolour(image: tf.Tensor, seed: tf.Tensor, change: float) -> tf.Tensor:
    """The image brighter or darker, with more or less contrast and saturation, each by a factor within 1 ± `change`."""
    brightness, contrast, saturation = tf.unstack(tf.random.stateless_uniform([3], seed, 1 - change, 1 + change))
    pixels = tf.cast(image, tf.float32) * brightness
    mean = tf.reduce_mean(pixels)
    pixels = mean + (pixels - mean) * contrast
    grey = tf.reduce_mean(pixels, -1, keepdims=True)
    return levels(grey + (pixels - grey) * saturation)


def rescale(image: tf.Tensor, seed: tf.Tensor, factors: Span) -> tf.Tensor:
    """The image made smaller by one of the factors and as large as before again."""
    size = tf.shape(image)[:2]
    factor = tf.random.stateless_uniform([], seed, *factors)
    small = tf.maximum(1, tf.cast(tf.round(tf.cast(size, tf.float32) * factor), tf.int32))
    return levels(tf.image.resize(tf.image.resize(image, small, antialias=True), size))


def blur(image: tf.Tensor, seed: tf.Tensor, sigmas_px: Span) -> tf.Tensor:
    """The image softened by a Gaussian."""
    return levels(soften(tf.cast(image, tf.float32), tf.random.stateless_uniform([], seed, *sigmas_px), sigmas_px[1]))


def sharpen(image: tf.Tensor, seed: tf.Tensor, amounts: Span) -> tf.Tensor:
    """The image with that much of what a Gaussian of 1.2 pixels takes away added once more."""
    pixels = tf.cast(image, tf.float32)
    return levels(pixels + tf.random.stateless_uniform([], seed, *amounts) * (pixels - soften(pixels, 1.2, 1.2)))


def add_noise(image: tf.Tensor, seed: tf.Tensor, deviations: Span) -> tf.Tensor:
    """The image with Gaussian noise of that standard deviation in levels, apart in each channel."""
    amount, grain = tf.unstack(tf.random.split(seed, 2))
    deviation = tf.random.stateless_uniform([], amount, *deviations)
    return levels(tf.cast(image, tf.float32) + deviation * tf.random.stateless_normal(tf.shape(image), grain))


def recompress(image: tf.Tensor, seed: tf.Tensor, qualities: Span) -> tf.Tensor:
    """The image written as a JPEG of that quality and read again."""
    low, high = map(round, qualities)
    quality = tf.random.stateless_uniform([], seed, low, high + 1, tf.int32)
    jpeg = tf.raw_ops.EncodeJpegVariableQuality(images=image, quality=quality)
    return tf.ensure_shape(tf.io.decode_jpeg(jpeg, 3, dct_method="INTEGER_ACCURATE"), image.shape)


def erase(image: tf.Tensor, seed: tf.Tensor, sides: Span) -> tf.Tensor:
    """The image with a rectangle of one colour in it, its sides that share of the image's (arXiv:1708.04896)."""
    sizes, places, colours = tf.unstack(tf.random.split(seed, 3))
    size = tf.random.stateless_uniform([2], sizes, *sides)
    start = tf.random.stateless_uniform([2], places) * (1 - size)
    y, x = grid(image)
    within = (y >= start[0]) & (y < start[0] + size[0]) & (x >= start[1]) & (x < start[1] + size[1])
    colour = tf.cast(tf.random.stateless_uniform([3], colours, 0, 256, tf.int32), tf.uint8)
    return tf.where(within[..., tf.newaxis], colour, image)


def move(image: tf.Tensor, seed: tf.Tensor, most: float) -> tf.Tensor:
    """The image shifted and stretched, each way by at most that share of its sides; its edges mirrored outward."""
    scales, shifts = tf.unstack(tf.random.split(seed, 2))
    size = tf.cast(tf.shape(image)[:2], tf.float32)
    scale = tf.random.stateless_uniform([2], scales, 1 - most, 1 + most)
    shift = tf.random.stateless_uniform([2], shifts, -most, most) * size + size / 2 * (1 - scale)
    matrix = tf.stack([scale[1], 0, shift[1], 0, scale[0], shift[0], 0, 0])
    moved = tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.cast(image, tf.float32)[tf.newaxis],
        transforms=matrix[tf.newaxis],
        output_shape=tf.shape(image)[:2],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="REFLECT",
    )
    return levels(tf.ensure_shape(moved[0], image.shape))


def soften(pixels: tf.Tensor, sigma_px: tf.Tensor | float, most_px: float) -> tf.Tensor:
    """float32[height, width, c] through a Gaussian of `sigma_px`, cut off at three times `most_px`; edges mirrored."""
    reach = min(math.ceil(3 * most_px), 20)
    taps = tf.exp(-0.5 * (tf.range(-reach, reach + 1, dtype=tf.float32) / sigma_px) ** 2)
    taps = tf.tile((taps / tf.reduce_sum(taps))[:, tf.newaxis], [1, tf.shape(pixels)[-1]])  # [2 × reach + 1, c]
    padded = tf.pad(pixels, [[reach, reach], [reach, reach], [0, 0]], "REFLECT")[tf.newaxis]
    columns = tf.nn.depthwise_conv2d(padded, taps[:, tf.newaxis, :, tf.newaxis], [1] * 4, "VALID")
    return tf.nn.depthwise_conv2d(columns, taps[tf.newaxis, :, :, tf.newaxis], [1] * 4, "VALID")[0]


def grid(image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Where each pixel's centre lies, down and across, from 0 to 1: float32[height, 1], float32[1, width]."""
    height, width = tf.shape(image)[0], tf.shape(image)[1]
    y = (tf.range(height, dtype=tf.float32) + 0.5) / tf.cast(height, tf.float32)
    x = (tf.range(width, dtype=tf.float32) + 0.5) / tf.cast(width, tf.float32)
    return y[:, tf.newaxis], x[tf.newaxis]


def levels(pixels: tf.Tensor) -> tf.Tensor:
    """float32 → uint8, rounded, and what is beyond black or white as those."""
    return tf.cast(tf.clip_by_value(pixels + 0.5, 0, 255), tf.uint8)
