import dataclasses

import pytest

from ace_training.errors import PresetError
from ace_training.presets import DEMO, PRESETS, XCEPTION


def test_the_presets_go_by_their_names():
    assert {name: preset.name for name, preset in PRESETS.items()} == {"demo": "demo", "xception": "xception"}


def test_only_the_full_network_is_full():
    assert XCEPTION.is_full_xception
    assert not DEMO.is_full_xception


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("input_size", 70),
        ("width", 0),
        ("width", 1.5),
        ("middle_blocks", 0),
        ("batch_norm_momentum", 1),
        ("batch_size", 0),
        ("epochs", 0),
        ("patience", 0),
        ("learning_rate", 0),
        ("dropout", 1),
    ],
)
def test_a_value_out_of_its_range_is_named_with_the_range(field, value):
    with pytest.raises(PresetError, match=f"The preset demo cannot be used with {field} {value}: choose "):
        dataclasses.replace(DEMO, **{field: value})


@pytest.mark.parametrize("weights", ["imagenet", "some.h5"])
def test_a_narrow_network_takes_no_weights(weights):
    with pytest.raises(PresetError, match=f"narrower than the network that {weights} holds weights for"):
        dataclasses.replace(DEMO, weights=weights)
