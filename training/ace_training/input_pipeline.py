"""Image files → batches of pixels as the network sees them, by the same ops that the exported model uses."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from ace_export import pixels

from .errors import ImageFolderError
from .image_files import ImageFiles
from .presets import Preset

_MAX_CACHE_BYTES: Final = 2 * 2**30
_SHUFFLE_BUFFER: Final = 1024  # images; their files are shuffled once before


def load_split(files: ImageFiles, preset: Preset, *, name: str) -> tf.data.Dataset:
    """Every image of a split once, in the order of the files: uint8[size, size, 3], float32[1].

    Reads them all before it returns, with a progress bar, and keeps the pixels in memory where they fit.

    Raises:
        ImageFolderError: a file is no image; the message names it.
    """

    def read(path: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return pixels.resize(pixels.decode(tf.io.read_file(path)), (preset.input_size, preset.input_size)), label

    labels = np.array(files.labels, np.float32)[:, None]
    dataset = tf.data.Dataset.from_tensor_slices(([str(path) for path in files.paths], labels))
    dataset = dataset.map(tf.autograph.experimental.do_not_convert(read), num_parallel_calls=tf.data.AUTOTUNE)
    if len(files.paths) * preset.input_size**2 * 3 <= _MAX_CACHE_BYTES:
        dataset = dataset.cache()
    for _ in tqdm(_named_failures(dataset, files), total=len(files.paths), desc=f"read {name}", unit="image"):
        pass
    return dataset


def _named_failures(dataset: tf.data.Dataset, files: ImageFiles) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
    """The dataset's elements. They come in the order of the files, so that the first to be missing is the bad one."""
    read = 0
    try:
        for element in dataset:
            yield element
            read += 1
    except tf.errors.OpError as error:
        raise ImageFolderError(f"{files.paths[read]} is no image that can be read. Remove it or replace it.") from error


def training_batches(images: tf.data.Dataset, preset: Preset, *, seed: int) -> tf.data.Dataset:
    """float32[n, size, size, 3] in [-1, 1], float32[n, 1]: in another order each epoch, half of the images mirrored."""
    batches = evaluation_batches(images.shuffle(_SHUFFLE_BUFFER, seed=seed), preset)
    return batches.map(lambda batch, labels: (tf.image.random_flip_left_right(batch), labels))


def evaluation_batches(images: tf.data.Dataset, preset: Preset) -> tf.data.Dataset:
    """float32[n, size, size, 3] in [-1, 1], float32[n, 1]: in order."""
    batches = images.batch(preset.batch_size).map(lambda image, label: (pixels.scale(image), label))
    return batches.prefetch(tf.data.AUTOTUNE)
