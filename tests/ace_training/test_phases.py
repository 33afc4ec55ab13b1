import dataclasses

import keras
import numpy as np
import pytest

from ace_training.checkpoint import Progress
from ace_training.config import Config
from ace_training.config_file import read_config
from ace_training.phases import Phase, compile_for, phases

XCEPTION = read_config("xception")  # pretrained; 2 epochs for the head, 12 in all, patience 3
STEPS = 10


@pytest.fixture
def network() -> keras.Model:
    """A backbone with a batch norm, and a head as our detectors have it."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(4, name="dense"),
            layers.BatchNormalization(name="norm"),
            layers.Dropout(0.1),
            layers.Dense(1, activation="sigmoid", name="prob_fake"),
        ]
    )


def learning(model: keras.Model) -> set[str]:
    return {variable.path.split("/")[-2] for variable in model.trainable_variables}


def progress(*val_auc: float) -> Progress:
    return Progress(tuple({"val_auc": auc} for auc in val_auc))


def with_random_weights(config: Config) -> Config:
    return dataclasses.replace(config, model=dataclasses.replace(config.model, weights="none"))


def test_from_pretrained_weights_the_head_learns_first_and_batch_norms_never(network):
    head, whole = phases(XCEPTION)
    assert (head.epochs, whole.epochs) == (range(2), range(2, 12))

    compile_for(network, head, XCEPTION.optimisation, steps=STEPS)
    assert learning(network) == {"prob_fake"}
    compile_for(network, whole, XCEPTION.optimisation, steps=STEPS)
    assert learning(network) == {"dense", "prob_fake"}


def test_a_frozen_batch_norm_keeps_its_statistics(network):
    compile_for(network, phases(XCEPTION)[1], XCEPTION.optimisation, steps=STEPS)

    network.train_on_batch(np.full((8, 4), 5.0), np.ones((8, 1)))

    assert network.get_layer("norm").moving_mean.numpy().tolist() == [0, 0, 0, 0]


def test_from_scratch_everything_learns_from_the_first_epoch_on(network):
    (whole,) = phases(with_random_weights(XCEPTION))
    assert whole.epochs == range(12)

    compile_for(network, whole, XCEPTION.optimisation, steps=STEPS)
    assert learning(network) == {"dense", "norm", "prob_fake"}


def test_no_more_epochs_than_asked_for_are_the_heads():
    (head,) = phases(read_config("xception", {"optimisation.epochs": 1}))

    assert (head.epochs, head.backbone_learns) == (range(1), False)


def test_the_learning_rate_rises_from_a_tenth_to_its_peak_and_falls_to_nothing(network):
    whole = phases(XCEPTION)[1]
    compile_for(network, whole, XCEPTION.optimisation, steps=STEPS)

    rates = [float(network.optimizer._learning_rate(step)) for step in range(STEPS * len(whole.epochs) + 1)]

    assert rates[0] == pytest.approx(whole.learning_rate / 10)
    assert max(rates) == rates[10] == pytest.approx(whole.learning_rate)
    assert rates[:11] == sorted(rates[:11])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] == pytest.approx(0, abs=1e-9)


def test_weights_decay_and_biases_and_batch_norms_do_not(network):
    compile_for(network, phases(with_random_weights(XCEPTION))[0], XCEPTION.optimisation, steps=STEPS)

    decayed = {v.path for v in network.trainable_variables if network.optimizer._use_weight_decay(v)}

    assert {path.split("/")[-1] for path in decayed} == {"kernel"}


@pytest.mark.parametrize(
    ("val_auc", "over"),
    [
        ((0.5,) * 2, False),  # the head's epochs do not count
        ((0.9, 0.8, 0.7, 0.7), False),
        ((0.9, 0.8, 0.7, 0.7, 0.7), True),  # three of its own without a better one
        ((0.5, 0.6, 0.7, 0.7, 0.7), False),
        ((0.5, 0.6, 0.7, 0.7, 0.7, 0.7), True),  # as good is not better
        ((0.5, 0.6, 0.7, 0.6, 0.6, 0.8), False),
    ],
)
def test_training_ends_after_that_many_epochs_without_a_better_validation_auc(val_auc, over):
    assert phases(XCEPTION)[1].is_over(progress(*val_auc)) == over


def test_the_heads_epochs_are_all_trained():
    head: Phase = phases(read_config("xception", {"optimisation.head_epochs": 8}))[0]

    assert not head.is_over(progress(0.9, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5))
    assert head.is_over(progress(*[0.5] * 8))
