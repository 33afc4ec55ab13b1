from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import tensorflow as tf

from ace_export import golden, pixels
from ace_export.parity import reference_pixels

SIZE = (96, 96)
READABLE = [image for image in golden.draw() if image.readable]


def prepare(data: tf.Tensor) -> tf.Tensor:
    return pixels.resize(pixels.decode(data), SIZE)


def eagerly(images: list[bytes], _: Path) -> list[np.ndarray]:
    return [prepare(tf.constant(data)).numpy() for data in images]


def inside_a_dataset(images: list[bytes], _: Path) -> list[np.ndarray]:
    return [image.numpy() for image in tf.data.Dataset.from_tensor_slices(images).map(prepare)]


def inside_a_reloaded_saved_model(images: list[bytes], folder: Path) -> list[np.ndarray]:
    module = tf.Module()
    module.prepare = tf.function(prepare, input_signature=[tf.TensorSpec([], tf.string)])
    tf.saved_model.save(module, str(folder))
    reloaded = tf.saved_model.load(str(folder))
    return [reloaded.prepare(tf.constant(data)).numpy() for data in images]


@pytest.mark.parametrize("way", [eagerly, inside_a_dataset, inside_a_reloaded_saved_model])
def test_pixels_are_those_of_opencv_within_one_level(
    way: Callable[[list[bytes], Path], list[np.ndarray]], tmp_path: Path
):
    prepared = way([image.data for image in READABLE], tmp_path)

    for image, found in zip(READABLE, prepared, strict=True):
        difference = np.abs(found.astype(int) - reference_pixels(image.data, SIZE))
        assert difference.max() <= 1, image.name
        assert difference.mean() <= 1e-4, image.name


@pytest.mark.parametrize("image", READABLE, ids=lambda image: image.name)
def test_decoding_is_that_of_opencv_bit_for_bit(image: golden.GoldenImage):
    expected = cv2.cvtColor(cv2.imdecode(np.frombuffer(image.data, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)

    np.testing.assert_array_equal(pixels.decode(tf.constant(image.data)), expected)


@pytest.mark.parametrize("size", [(96, 96), (299, 299), (112, 299), (300, 90)])
@pytest.mark.parametrize("image", READABLE, ids=lambda image: image.name)
def test_resizing_is_that_of_opencv_but_for_one_pixel_in_10000(image: golden.GoldenImage, size: tuple[int, int]):
    resized = pixels.resize(pixels.decode(tf.constant(image.data)), size).numpy()

    difference = np.abs(resized.astype(int) - reference_pixels(image.data, size))
    assert difference.max() <= 1
    assert difference.mean() <= 1e-4


@pytest.mark.parametrize(("height", "width"), [(96, 96), (192, 192), (192, 96), (48, 48), (1, 1), (2, 500), (97, 95)])
def test_resizing_noise_is_that_of_opencv_bit_for_bit(height: int, width: int):
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)

    np.testing.assert_array_equal(pixels.resize(tf.constant(image), (96, 96)), cv2.resize(image, (96, 96)))


def test_scaling_is_xceptions():
    scaled = pixels.scale(tf.constant([0, 51, 255], tf.uint8))

    np.testing.assert_allclose(scaled, [-1, -0.6, 1], atol=1e-7)


def test_bytes_that_are_no_image_raise():
    with pytest.raises(tf.errors.InvalidArgumentError):
        pixels.decode(tf.constant(b"not an image"))
