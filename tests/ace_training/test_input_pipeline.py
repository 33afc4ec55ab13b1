import re

import numpy as np
import pytest
import tensorflow as tf

from ace_export import pixels
from ace_training.errors import ImageFolderError
from ace_training.image_files import ImageFiles, find_images
from ace_training.input_pipeline import evaluation_batches, load_split, training_batches


@pytest.fixture(scope="module")
def files(few_faces) -> ImageFiles:
    return find_images(few_faces, seed=0)["train"]


@pytest.fixture(scope="module")
def images(files, tiny) -> tf.data.Dataset:
    return load_split(files, tiny, name="train")


def test_pixels_are_those_that_serving_makes_of_the_same_file(files, images, tiny):
    for path, (image, _) in zip(files.paths, images, strict=True):
        expected = pixels.resize(pixels.decode(path.read_bytes()), (tiny.input_size,) * 2)
        assert np.array_equal(image, expected)


def test_labels_stay_with_their_files(files, images):
    assert [int(label[0]) for _, label in images] == list(files.labels)


@pytest.mark.parametrize("make", [evaluation_batches, lambda *given: training_batches(*given, seed=0)])
def test_batches_are_float_pixels_from_minus_1_to_1(images, tiny, make):
    batch, labels = next(iter(make(images, tiny)))

    assert (batch.dtype, batch.shape) == (tf.float32, (8, 71, 71, 3))
    assert (labels.dtype, labels.shape) == (tf.float32, (8, 1))
    assert -1 <= np.min(batch) < -0.5
    assert 0.5 < np.max(batch) <= 1


def test_training_shows_each_image_once_an_epoch_as_it_is_or_mirrored(images, tiny):
    shown = np.concatenate([batch for batch, _ in training_batches(images, tiny, seed=0)])
    plain = np.concatenate([batch for batch, _ in evaluation_batches(images, tiny)])

    distance = np.abs(shown[:, None] - plain).max((2, 3, 4))
    mirrored = np.abs(shown[:, None] - plain[:, :, ::-1]).max((2, 3, 4))
    matches = np.minimum(distance, mirrored) < 1e-6
    assert matches.sum(0).tolist() == [1] * 8
    assert not np.array_equal(shown, plain)


@pytest.mark.parametrize("content", [b"", b"no image", b"\xff\xd8\xff garbage"])
def test_a_file_that_is_no_image_is_named(few_faces, tmp_path, tiny, content):
    files = find_images(few_faces, seed=0)["train"]
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(content)
    with_bad = ImageFiles((*files.paths[:5], bad, *files.paths[5:]), (*files.labels, 0))

    with pytest.raises(ImageFolderError, match=re.escape(f"{bad} is no image")):
        load_split(with_bad, tiny, name="train")
