import dataclasses

import numpy as np
import pytest

from ace_training.config import Config
from ace_training.config_file import read_config
from ace_training.sampling import class_weights, epoch_order

LABELS = np.array([0] * 30 + [1] * 70)


def demo(**data: object) -> Config:
    """The demo with other data, in batches of 10."""
    whole = read_config("demo", {"optimisation.batch_images": 10})
    return dataclasses.replace(whole, data=dataclasses.replace(whole.data, **data))


def test_an_epoch_shows_every_image_once_in_an_order_of_its_own():
    first, second = (epoch_order(LABELS, demo(), epoch=epoch) for epoch in (0, 1))

    assert sorted(first) == sorted(second) == list(range(100))
    assert first.tolist() != second.tolist()


def test_the_order_depends_on_seed_and_epoch_alone():
    again = epoch_order(LABELS, demo(), epoch=5)

    assert again.tolist() == epoch_order(LABELS, demo(), epoch=5).tolist()
    assert again.tolist() != epoch_order(LABELS, read_config("demo", {"optimisation.seed": 8}), epoch=5).tolist()


@pytest.mark.parametrize(("images", "shown"), [(100, 100), (99, 90), (7, 7)])
def test_an_epoch_is_whole_batches(images, shown):
    assert len(epoch_order(LABELS[:images], demo(), epoch=0)) == shown


def test_balanced_sampling_shows_as_many_of_each_class():
    order = epoch_order(LABELS, demo(balance="sampling"), epoch=0)

    assert np.bincount(LABELS[order]).tolist() == [50, 50]
    assert set(order) >= set(range(30))  # every one of the smaller class
    assert len(set(order[LABELS[order] == 1])) == 50  # none of the larger one twice


@pytest.mark.parametrize("share", [0.25, 0.4])
def test_balanced_sampling_counts_self_blended_fakes_among_the_fakes(share):
    order = epoch_order(LABELS, demo(balance="sampling", self_blended_share=share), epoch=0)

    reals = np.sum(LABELS[order] == 0)
    assert len(order) == 100
    assert reals * (1 - share) == pytest.approx(50, abs=0.5)


@pytest.mark.parametrize("blended", [0.0, 0.5])
def test_weights_give_both_classes_the_same_sum_and_images_one_on_average(blended):
    real, fake = class_weights(LABELS, demo(balance="weights", self_blended_share=blended))

    reals = 30 * (1 - blended)
    assert real * reals == pytest.approx(fake * (100 - reals)) == pytest.approx(50)


def test_without_balance_every_image_counts_the_same():
    assert class_weights(LABELS, demo(balance="none")) == (1, 1)
