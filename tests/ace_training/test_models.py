import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from ace_training.config_file import read_config
from ace_training.errors import WeightsError
from ace_training.models import build_detector, compute_precision, xception
from ace_training.phases import compile_for, phases

DEMO, XCEPTION = read_config("demo").model, read_config("xception").model
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


@pytest.mark.parametrize("settings", [DEMO, RANDOM_XCEPTION], ids=["demo", "xception"])
def test_a_detector_takes_pixels_and_answers_one_probability_in_float32(settings):
    model = build_detector(settings)

    assert model.input_shape == (None, settings.input_px, settings.input_px, 3)
    assert (model.input.dtype, model.output.dtype) == ("float32", "float32")
    assert model.output_shape == (None, 1)
    assert model.layers[-1].activation is keras.activations.sigmoid


@pytest.mark.parametrize(("asked", "computed"), [("off", "float32"), ("bfloat16", "bfloat16")])
def test_the_precision_asked_for_is_computed_in_and_the_processs_stays_as_it_was(asked, computed):
    before = keras.config.dtype_policy()

    model = build_detector(dataclasses.replace(DEMO, mixed_precision=asked))

    assert keras.config.dtype_policy() == before
    assert model.layers[1].compute_dtype == computed
    assert model.output.dtype == "float32"


@pytest.mark.skipif(bool(tf.config.list_physical_devices("GPU")), reason="there is a GPU, which is fast in float16")
def test_float16_is_off_without_a_gpu():
    assert compute_precision(XCEPTION) == "off"


def test_in_float16_the_loss_is_scaled_and_the_answer_stays_float32():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = build_detector(DEMO)
    finally:
        keras.config.set_dtype_policy(before)
    config = read_config("demo")
    compile_for(model, phases(config)[0], config.optimisation, steps=10)

    assert model.layers[1].compute_dtype == "float16"
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    assert model.optimizer.inner_optimizer.global_clipnorm == config.optimisation.clip_norm
    assert model.output.dtype == "float32"


@pytest.mark.parametrize("content", [None, b"no weights"])
def test_a_file_without_xceptions_weights_is_named(tmp_path, content):
    path = tmp_path / "weights.h5"
    if content:
        path.write_bytes(content)

    with pytest.raises(WeightsError, match=rf"{path} does not hold weights of Keras's Xception"):
        build_detector(dataclasses.replace(XCEPTION, weights=str(path)))
