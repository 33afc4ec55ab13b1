import dataclasses

import keras
import numpy as np
import pytest

from ace_training.errors import WeightsError
from ace_training.models import build_detector, xception
from ace_training.presets import DEMO, XCEPTION

RANDOM_XCEPTION = dataclasses.replace(XCEPTION, weights="none")


@pytest.fixture(scope="module")
def kerass_xception() -> keras.Model:
    return keras.applications.Xception(include_top=False, pooling="avg", weights=None, input_shape=(96, 96, 3))


@pytest.fixture(scope="module")
def our_xception() -> keras.Model:
    inputs = keras.Input((96, 96, 3))
    return keras.Model(inputs, xception(inputs, RANDOM_XCEPTION))


def test_at_full_width_it_has_as_many_parameters_as_keras_applications(our_xception, kerass_xception):
    assert our_xception.count_params() == kerass_xception.count_params() == 20_861_480


def test_at_full_width_it_computes_what_keras_applications_computes(our_xception, kerass_xception):
    kerass_xception.set_weights([np.random.default_rng(i).normal(0.02, 0.05, w.shape) ** 2 + 1e-3
                                 for i, w in enumerate(kerass_xception.get_weights())])  # fmt: skip
    our_xception.set_weights(kerass_xception.get_weights())
    image = np.random.default_rng(0).uniform(-1, 1, (1, 96, 96, 3)).astype(np.float32)

    np.testing.assert_allclose(our_xception(image), kerass_xception(image), rtol=1e-4)


def test_the_demo_is_at_most_a_quarter_as_wide():
    model = build_detector(DEMO)

    assert model.layers[-2].output.shape[-1] <= 2048 / 4
    assert model.count_params() < 1_000_000


@pytest.mark.parametrize("preset", [DEMO, RANDOM_XCEPTION], ids=lambda preset: preset.name)
def test_a_detector_takes_pixels_and_answers_one_probability_in_float32(preset):
    model = build_detector(preset)

    assert model.input_shape == (None, preset.input_size, preset.input_size, 3)
    assert (model.input.dtype, model.output.dtype) == ("float32", "float32")
    assert model.output_shape == (None, 1)
    assert model.layers[-1].activation is keras.activations.sigmoid


def test_building_leaves_the_processs_precision_as_it_was():
    before = keras.config.dtype_policy()

    build_detector(DEMO)

    assert keras.config.dtype_policy() == before


def test_in_mixed_precision_the_loss_is_scaled_and_the_answer_stays_float32():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = build_detector(DEMO)
    finally:
        keras.config.set_dtype_policy(before)
    model.compile(optimizer="adam", loss="binary_crossentropy")

    assert model.layers[1].compute_dtype == "float16"
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    assert model.output.dtype == "float32"


@pytest.mark.parametrize("content", [None, b"no weights"])
def test_a_file_without_xceptions_weights_is_named(tmp_path, content):
    path = tmp_path / "weights.h5"
    if content:
        path.write_bytes(content)

    with pytest.raises(WeightsError, match=rf"{path} does not hold weights of Keras's Xception"):
        build_detector(dataclasses.replace(XCEPTION, weights=str(path)))
