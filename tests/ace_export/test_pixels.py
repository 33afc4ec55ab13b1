from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import tensorflow as tf

from ace_export import golden, pixels, rare_files
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


def test_an_image_of_more_pixels_than_allowed_raises():
    data = READABLE[0].data  # 320×280

    assert pixels.decode(tf.constant(data), max_pixels=320 * 280).shape == (320, 280, 3)
    with pytest.raises(tf.errors.InvalidArgumentError, match="more than 89599 pixels"):
        pixels.decode(tf.constant(data), max_pixels=320 * 280 - 1)


@pytest.mark.parametrize("missing", [1, 2, 3, 10])
def test_a_jpeg_without_its_end_raises(missing: int):
    """Where the data end in the middle of a byte, TensorFlow asks for no more than half an end marker."""
    rng = np.random.default_rng(0)

    for height in range(16, 40):
        jpeg = cv2.imencode(".jpg", golden.scene(rng, height, 24))[1].tobytes()
        with pytest.raises(tf.errors.InvalidArgumentError):
            pixels.decode(tf.constant(jpeg[:-missing]))


@pytest.mark.parametrize("padding", [b"\0" * 100, b"\xff", b"\xff\xff"])
def test_bytes_behind_a_jpegs_end_do_not_matter(padding: bytes):
    data = READABLE[0].data

    np.testing.assert_array_equal(pixels.decode(tf.constant(data + padding)), pixels.decode(tf.constant(data)))


@pytest.mark.parametrize("height", [700, 1300])
def test_resizing_a_large_image_is_that_of_opencv_bit_for_bit(height: int):
    image = np.random.default_rng(0).integers(0, 256, (height, 900, 3), np.uint8)

    np.testing.assert_array_equal(pixels.resize(tf.constant(image), (96, 120)), cv2.resize(image, (120, 96)))


@pytest.mark.parametrize(
    ("bits", "row_bytes", "colours"),
    [(1, 8, 2), (4, 24, 16), (4, 24, 9), (8, 44, 256), (8, 44, 100), (24, 124, 0), (32, 164, 0)],
)
def test_bmps_are_those_of_opencv_bit_for_bit(bits: int, row_bytes: int, colours: int):
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 256, (30, row_bytes), np.uint8)
    data = rare_files.bmp(rows, 41, bits, colours=rng.integers(0, 256, (colours, 4), np.uint8) if colours else None)
    downwards = data[:22] + (-30).to_bytes(4, "little", signed=True) + data[26:]

    for each in (data, downwards, data + b"more"):
        expected = cv2.cvtColor(cv2.imdecode(np.frombuffer(each, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
        np.testing.assert_array_equal(pixels.decode(tf.constant(each)), expected)
