import dataclasses

import pytest

from ace_training.config import Augmentation, Data, Model, Optimisation
from ace_training.config_file import read_config
from ace_training.errors import ConfigError

DEMO, XCEPTION = read_config("demo"), read_config("xception")


def test_only_the_full_network_is_full():
    assert XCEPTION.model.is_full_xception
    assert not DEMO.model.is_full_xception


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        (Model, "input_px", 70),
        (Model, "width", 0),
        (Model, "width", 1.5),
        (Model, "middle_blocks", 0),
        (Model, "batch_norm_momentum", 1),
        (Model, "dropout", 1),
        (Model, "mixed_precision", "float8"),
        (Data, "balance", "luck"),
        (Data, "self_blended_share", 1),
        (Augmentation, "jpeg_probability", 1.1),
        (Augmentation, "jpeg_qualities", (0, 100)),
        (Augmentation, "jpeg_qualities", (90, 30)),
        (Augmentation, "blur_sigmas_px", (0, 1)),
        (Augmentation, "colour_change", -0.1),
        (Optimisation, "seed", -1),
        (Optimisation, "batch_images", 0),
        (Optimisation, "epochs", 0),
        (Optimisation, "patience_epochs", 0),
        (Optimisation, "learning_rate", 0),
        (Optimisation, "clip_norm", 0),
        (Optimisation, "label_smoothing", 0.5),
    ],
)
def test_a_value_out_of_its_range_is_named_with_the_range(section, key, value):
    name = section.__name__.lower()
    with pytest.raises(ConfigError) as refused:
        dataclasses.replace(getattr(DEMO, name), **{key: value})

    assert str(refused.value).startswith(f"{name}.{key} is {value!r}: choose ")


@pytest.mark.parametrize("weights", ["imagenet", "some.h5"])
def test_a_narrow_network_takes_no_weights(weights):
    with pytest.raises(ConfigError, match=f"model.weights is '{weights}': choose none, or a network with width 1"):
        dataclasses.replace(DEMO.model, weights=weights)


def test_balanced_sampling_refuses_a_share_of_self_blended_fakes_that_leaves_no_room_for_others():
    data = dataclasses.replace(DEMO.data, balance="sampling", self_blended_share=0.49)

    with pytest.raises(ConfigError, match=r"data.self_blended_share is 0.5: choose below 0.5, or another balance"):
        dataclasses.replace(data, self_blended_share=0.5)
