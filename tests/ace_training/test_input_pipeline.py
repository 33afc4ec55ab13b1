import dataclasses
import re

import numpy as np
import pytest
import tensorflow as tf

from ace_export import pixels
from ace_training import input_pipeline
from ace_training.augmentation import augment, example_seed
from ace_training.config_file import read_config
from ace_training.errors import ImageFolderError
from ace_training.image_files import ImageFiles, find_images
from ace_training.input_pipeline import LoadedSplit, evaluation_batches, load_splits, training_batches

INPUT_PX = 71


@pytest.fixture(scope="module")
def files(few_faces) -> ImageFiles:
    return find_images(few_faces, seed=0)["train"]


@pytest.fixture(scope="module")
def split(files) -> LoadedSplit:
    return load_splits({"train": files}, INPUT_PX)["train"]


@pytest.fixture(scope="module")
def shown(split, smoke) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images, labels and weights of two epochs of one batch each."""
    return tuple(map(np.stack, zip(*training_batches(split, smoke, epochs=range(2)).as_numpy_iterator(), strict=True)))


def test_pixels_are_those_that_serving_makes_of_the_same_file(files, split):
    for place, path in enumerate(files.paths):
        expected = pixels.resize(pixels.decode(path.read_bytes()), (INPUT_PX, INPUT_PX))
        assert np.array_equal(split.image(tf.constant(place)), expected)


def test_what_does_not_fit_into_memory_is_read_when_it_is_shown(files, split, monkeypatch):
    monkeypatch.setattr(input_pipeline, "MAX_CACHE_BYTES", 1000)
    from_files = load_splits({"train": files}, INPUT_PX)["train"]

    assert from_files.source.dtype == tf.string
    for kept, read in zip(evaluation_batches(split, 4), evaluation_batches(from_files, 4), strict=True):
        assert np.array_equal(kept[0], read[0])


def test_evaluation_shows_every_image_as_it_is_in_the_order_of_the_files(files, split):
    images, labels = zip(*evaluation_batches(split, 3), strict=True)

    assert np.concatenate(labels)[:, 0].tolist() == list(files.labels)
    assert images[0].dtype == tf.float32
    assert np.array_equal(np.concatenate(images), pixels.scale(split.source))


def test_batches_are_float_pixels_from_minus_1_to_1_with_labels_and_weights(shown):
    images, labels, weights = shown

    assert (images.dtype, images.shape) == (np.float32, (2, 8, INPUT_PX, INPUT_PX, 3))
    assert (labels.dtype, labels.shape) == (weights.dtype, weights.shape) == (np.float32, (2, 8, 1))
    assert -1 <= images.min() < -0.5
    assert 0.5 < images.max() <= 1
    assert not np.array_equal(images[0], images[1])


def test_an_epoch_is_the_same_in_whichever_run_it_is_shown(split, smoke, shown):
    (second,) = training_batches(split, smoke, epochs=range(1, 2)).as_numpy_iterator()

    for of_one_run, of_another in zip(shown, second, strict=True):
        assert np.array_equal(of_one_run[1], of_another)


def test_another_seed_shows_something_else(split, shown):
    other = read_config("smoke", {"optimisation.seed": 8})
    (first,) = training_batches(split, other, epochs=range(1)).as_numpy_iterator()

    assert not np.array_equal(first[0], shown[0][0])


def test_an_image_is_varied_by_training_epoch_and_place_alone(split):
    demo = read_config("demo")
    ((images, labels, _),) = training_batches(split, demo, epochs=range(3, 4)).as_numpy_iterator()

    for place, label in enumerate(split.labels):
        variation = tf.random.split(example_seed(demo.optimisation.seed, 3, place), 3)[2]
        expected = pixels.scale(augment(split.image(tf.constant(place)), variation, demo.augmentation)).numpy()
        apart = np.abs(images - expected).max((1, 2, 3))
        assert apart.min() < 0.02  # a level or two: graphs may fuse what rounds apart
        assert labels[apart.argmin(), 0] == label


def test_self_blended_images_are_fakes_made_of_real_ones(split, smoke):
    config = dataclasses.replace(smoke, data=dataclasses.replace(smoke.data, balance="none", self_blended_share=0.5))
    labels = [labels for _, labels, _ in training_batches(split, config, epochs=range(25)).as_numpy_iterator()]

    assert np.mean(labels) == pytest.approx(0.75, abs=0.1)


def test_each_split_has_its_own_images(few_faces, split):
    files = find_images(few_faces, seed=0)
    loaded = load_splits(files, INPUT_PX)

    assert {name: len(loaded[name].source) for name in loaded} == {"train": 8, "val": 6, "test": 6}
    assert np.array_equal(loaded["train"].source, split.source)


@pytest.mark.parametrize("content", [b"", b"no image", b"\xff\xd8\xff garbage"])
def test_a_file_that_is_no_image_is_named(files, tmp_path, content):
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(content)
    with_bad = ImageFiles((*files.paths[:5], bad, *files.paths[5:]), (*files.labels, 0))

    with pytest.raises(ImageFolderError, match=re.escape(f"{bad} is no image")):
        load_splits({"train": files, "val": with_bad}, INPUT_PX)
