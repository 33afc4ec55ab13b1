import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from ace_training.augmentation import augment, example_seed
from ace_training.config_file import read_config

SMOKE = read_config("smoke").augmentation
OFF = dataclasses.replace(SMOKE, **{name: 0.0 for name in vars(SMOKE) if name.endswith("_probability")})


@pytest.fixture(scope="module")
def image() -> tf.Tensor:
    return tf.constant(np.random.default_rng(0).integers(0, 256, (71, 71, 3), np.uint8))


def test_with_every_probability_0_the_image_is_as_it_came(image):
    assert np.array_equal(augment(image, example_seed(7, 0, 0), OFF), image)


@pytest.mark.parametrize("name", [name for name in vars(SMOKE) if name.endswith("_probability")])
def test_each_way_is_there(image, name):
    alone = dataclasses.replace(OFF, **{name: 1.0})

    assert not np.array_equal(augment(image, example_seed(7, 0, 0), alone), image)


def test_a_probability_is_how_often(image):
    half = dataclasses.replace(OFF, flip_probability=0.3)
    seeds = tf.data.Dataset.range(400).map(lambda index: augment(image, example_seed(7, 0, index), half))

    flipped = [not np.array_equal(shown, image) for shown in seeds.as_numpy_iterator()]

    assert np.mean(flipped) == pytest.approx(0.3, abs=0.08)


def test_training_epoch_and_image_each_change_the_seed():
    seeds = [example_seed(*given).numpy().tolist() for given in ((7, 0, 0), (8, 0, 0), (7, 1, 0), (7, 0, 1), (7, 1, 1))]

    assert len({tuple(seed) for seed in seeds}) == 5
    assert example_seed(2**32 - 1, 0, 0).numpy().tolist() == example_seed(2**32 - 1, 0, 0).numpy().tolist()
