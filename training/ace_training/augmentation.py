"""The ways of `image_ops` one after the other, as a config's probabilities have it."""

from collections.abc import Callable

import tensorflow as tf

from . import image_ops as ops
from .config import Augmentation

Way = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]  # an image and a seed → an image


def example_seed(seed: int, epoch: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
    """int64[2], another for each training, epoch and image."""
    whole = tf.constant([seed, 0], tf.int64)
    return tf.random.fold_in(tf.random.fold_in(whole, tf.cast(epoch, tf.int64)), tf.cast(index, tf.int64))


def augment(image: tf.Tensor, seed: tf.Tensor, settings: Augmentation) -> tf.Tensor:
    """The image as it came, or varied: uint8[height, width, 3] → the same.

    In the order in which pictures get their traits: what is seen, then the lens, the sensor and the file, then a patch
    that keeps the network from leaning on one place.
    """
    ways = _ways(settings)
    for (probability, way), own in zip(ways, tf.unstack(tf.random.split(seed, len(ways))), strict=True):
        if probability:
            image = _perhaps(image, own, probability, way)
    return image


def _ways(settings: Augmentation) -> tuple[tuple[float, Way], ...]:
    return (
        (settings.flip_probability, lambda image, _: ops.flip(image)),
        (settings.crop_probability, lambda image, seed: ops.crop(image, seed, settings.crop_sides)),
        (settings.colour_probability, lambda image, seed: ops.recolour(image, seed, settings.colour_change)),
        (settings.rescale_probability, lambda image, seed: ops.rescale(image, seed, settings.rescale_factors)),
        (settings.blur_probability, lambda image, seed: ops.blur(image, seed, settings.blur_sigmas_px)),
        (settings.noise_probability, lambda image, seed: ops.add_noise(image, seed, settings.noise_levels)),
        (settings.jpeg_probability, lambda image, seed: ops.recompress(image, seed, settings.jpeg_qualities)),
        (settings.erase_probability, lambda image, seed: ops.erase(image, seed, settings.erase_sides)),
    )


def _perhaps(image: tf.Tensor, seed: tf.Tensor, probability: float, way: Way) -> tf.Tensor:
    chance, own = tf.unstack(tf.random.split(seed, 2))
    return tf.cond(tf.random.stateless_uniform([], chance) < probability, lambda: way(image, own), lambda: image)
