"""Image files → batches of pixels as the network sees them, by the same ops that the exported model uses."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tqdm import tqdm

from ace_export import pixels

from .augmentation import augment, example_seed
from .config import Config
from .errors import ImageFolderError
from .image_files import ImageFiles
from .sampling import batch_size, class_weights, epoch_order
from .self_blending import self_blend

MAX_CACHE_BYTES: Final = 2 * 2**30


@dataclass(frozen=True)
class LoadedSplit:
    """The images of a split at the network's size, in the order of their files."""

    files: ImageFiles
    input_px: int
    source: Any  # uint8[n, size, size, 3], where they fit into memory; else string[n], their paths

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """int64[n]: 0 for real, 1 for fake."""
        return np.array(self.files.labels, np.int64)

    def image(self, index: tf.Tensor) -> tf.Tensor:
        """The image at that place: int64[] → uint8[size, size, 3]."""
        found = self.source[index]
        return _read(found, self.input_px) if found.dtype == tf.string else found


def load_splits(files: dict[str, ImageFiles], input_px: int) -> dict[str, LoadedSplit]:
    """The splits, every file read once, with a progress bar, and the pixels kept where all fit into memory.

    Raises:
        ImageFolderError: a file is no image; the message names it.
    """
    paths = [str(path) for split in files.values() for path in split.paths]
    fits = len(paths) * input_px**2 * 3 <= MAX_CACHE_BYTES
    cache = np.empty((len(paths) if fits else 0, input_px, input_px, 3), np.uint8)
    images = _mapped(tf.data.Dataset.from_tensor_slices(paths), lambda path: _read(path, input_px))
    read = 0
    with tqdm(total=len(paths), desc="read", unit="image", mininterval=0.5) as bar:
        try:
            for image in images.as_numpy_iterator():
                if fits:
                    cache[read] = image
                read += 1
                bar.update()
        except (
            tf.errors.OpError
        ) as error:  # they come in the order of the files: the first to be missing is the bad one
            raise ImageFolderError(f"{paths[read]} is no image that can be read. Remove it or replace it.") from error
    ends = np.cumsum([len(split.paths) for split in files.values()])[:-1]
    parts = np.split(cache, ends) if fits else [[str(path) for path in split.paths] for split in files.values()]
    with tf.device("/cpu:0"):  # where tf.data reads it
        return {
            name: LoadedSplit(files[name], input_px, tf.constant(part)) for name, part in zip(files, parts, strict=True)
        }


def _read(path: tf.Tensor, input_px: int) -> tf.Tensor:
    return pixels.resize(pixels.decode(tf.io.read_file(path)), (input_px, input_px))


def _mapped(dataset: tf.data.Dataset, function: Callable[..., Any]) -> tf.data.Dataset:
    """In parallel, and in order."""
    return dataset.map(tf.autograph.experimental.do_not_convert(function), num_parallel_calls=tf.data.AUTOTUNE)


def training_batches(split: LoadedSplit, config: Config, *, epochs: range) -> tf.data.Dataset:
    """float32[n, size, size, 3] in [-1, 1], float32[n, 1], float32[n, 1]: pixels, labels and weights in the loss.

    Those epochs one after the other, of `steps_per_epoch` batches each, all of one size. An image is varied by the
    training's seed, the epoch and its place, and by nothing else: an epoch is the same in whichever run it is shown.
    """
    orders = {epoch: epoch_order(split.labels, config, epoch=epoch) for epoch in epochs}
    places = np.concatenate([np.stack([np.full_like(order, epoch), order], 1) for epoch, order in orders.items()])
    labels, weights = tf.constant(split.labels), tf.constant(class_weights(split.labels, config))

    def example(place: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        epoch, index = tf.unstack(place)
        seed = example_seed(config.optimisation.seed, epoch, index)
        image, label = _varied(split.image(index), labels[index], seed, config)
        return image, tf.cast(label, tf.float32)[tf.newaxis], weights[label][tf.newaxis]

    examples = _mapped(tf.data.Dataset.from_tensor_slices(places), example)
    batches = examples.batch(batch_size(len(split.labels), config), drop_remainder=True)
    return batches.map(lambda images, *rest: (pixels.scale(images), *rest)).prefetch(tf.data.AUTOTUNE)


def steps_per_epoch(split: LoadedSplit, config: Config) -> int:
    """The batches of an epoch."""
    return len(split.files.paths) // batch_size(len(split.files.paths), config)


def _varied(image: tf.Tensor, label: tf.Tensor, seed: tf.Tensor, config: Config) -> tuple[tf.Tensor, tf.Tensor]:
    """The image augmented, and a share of the real ones made self-blended fakes before."""
    chance, blending, variation = tf.unstack(tf.random.split(seed, 3))
    if share := config.data.self_blended_share:
        blended = (label == 0) & (tf.random.stateless_uniform([], chance) < share)
        image = tf.cond(blended, lambda: self_blend(image, blending), lambda: image)
        label = tf.where(blended, tf.ones_like(label), label)
    return augment(image, variation, config.augmentation), label


def evaluation_batches(split: LoadedSplit, batch_images: int) -> tf.data.Dataset:
    """float32[n, size, size, 3] in [-1, 1], float32[n, 1]: every image once, as it is, in the order of the files."""
    labels = tf.constant(split.labels)

    def example(index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return split.image(index), tf.cast(labels[index], tf.float32)[tf.newaxis]

    batches = _mapped(tf.data.Dataset.range(len(split.labels)), example).batch(batch_images)
    return batches.map(lambda images, labels: (pixels.scale(images), labels)).prefetch(tf.data.AUTOTUNE)
