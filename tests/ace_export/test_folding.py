import functools
from collections.abc import Callable

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from ace_export import folding
from ace_export.pixels import XCEPTION, Scaling, scale

SIZE = 24
UNEVEN = Scaling((0.02, 0.01, 0.005), (-0.5, 0.25, 1.0))
CENTRED = Scaling((0.01, 0.02, 0.03), (0.0, 0.0, 0.0))

Layers = Callable[[keras.KerasTensor], keras.KerasTensor]


def network(*body: layers.Layer) -> keras.Model:
    """The layers and one logit, with random weights and batch norms of random statistics."""
    return through(lambda image: keras.Sequential(body)(image))


def through(body: Layers) -> keras.Model:
    image = keras.Input((SIZE, SIZE, 3))
    return randomised(keras.Model(image, layers.Dense(1)(layers.GlobalAveragePooling2D()(body(image)))))


def randomised(model: keras.Model) -> keras.Model:
    rng = np.random.default_rng(5)
    for layer in model._flatten_layers():
        if isinstance(layer, layers.BatchNormalization):
            for weight in layer.weights:
                low, high = (0.2, 2) if weight.name in ("gamma", "moving_variance") else (-1, 1)
                weight.assign(rng.uniform(low, high, weight.shape))
        elif not isinstance(layer, keras.Model):
            for weight in layer.weights:
                weight.assign(rng.normal(0, 0.3, weight.shape))
    return model


def batch_norms(model: keras.Model) -> int:
    return sum(isinstance(layer, layers.BatchNormalization) for layer in model._flatten_layers())


def assert_same_answers(model: keras.Model, folded: folding.FoldedNetwork, scaling: Scaling) -> None:
    rng = np.random.default_rng(1)
    tints, noise = rng.integers(0, 208, (3, 1, 1, 3)), rng.integers(0, 48, (3, *model.inputs[0].shape[1:]))
    pixels = tf.constant(tints + noise, tf.uint8)
    expected = model(scaling(pixels)).numpy()
    assert np.ptp(expected) > 3e-4  # or the answers to other images would be right too
    np.testing.assert_allclose(folded(pixels).answers, expected, atol=1e-4)


FOLDED = {
    "convolution": lambda: [layers.Conv2D(5, 3, use_bias=False)],
    "convolution with a bias": lambda: [layers.Conv2D(5, 3, strides=2, bias_initializer="ones")],
    "grouped convolution": lambda: [layers.Conv2D(6, 3, groups=3, padding="same")],
    "separable convolution": lambda: [layers.SeparableConv2D(5, 3, depth_multiplier=2, use_bias=False)],
    "depthwise convolution": lambda: [layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same")],
    "dense": lambda: [layers.Dense(4)],
    "a dropout between": lambda: [layers.Conv2D(5, 3), layers.Dropout(0.5), layers.Activation("linear")],
}


@pytest.mark.parametrize("kind", FOLDED)
@pytest.mark.parametrize("scaling", [XCEPTION, UNEVEN, CENTRED], ids=["xception", "uneven", "centred"])
def test_a_batch_norm_is_folded_into_the_linear_layer_before_it(kind: str, scaling: Scaling):
    model = network(*FOLDED[kind](), layers.BatchNormalization(), layers.ReLU())

    folded = folding.fold(model, scaling)

    assert len(folded.skipped) == 1
    assert_same_answers(model, folded, scaling)


@pytest.mark.parametrize(
    "norm",
    [
        {"center": False},
        {"scale": False},
        {"center": False, "scale": False, "epsilon": 0.3},
        {"axis": 3},
    ],
)
def test_a_batch_norm_of_any_parts_is_folded(norm: dict):
    model = network(layers.Conv2D(5, 3, use_bias=False), layers.BatchNormalization(**norm))

    folded = folding.fold(model, XCEPTION)

    assert len(folded.skipped) == 1
    assert_same_answers(model, folded, XCEPTION)


def shared_output(image: keras.KerasTensor) -> keras.KerasTensor:
    x = layers.Conv2D(5, 3)(image)
    return layers.add([x, layers.BatchNormalization()(x)])


def shared_convolution(image: keras.KerasTensor) -> keras.KerasTensor:
    convolution = layers.Conv2D(3, 3, padding="same")
    return layers.BatchNormalization()(convolution(layers.ReLU()(convolution(image))))


def shared_norm(image: keras.KerasTensor) -> keras.KerasTensor:
    norm = layers.BatchNormalization()
    return norm(layers.Conv2D(5, 1)(norm(layers.Conv2D(5, 3)(image))))


def norm_in_training(image: keras.KerasTensor) -> keras.KerasTensor:
    return layers.BatchNormalization()(layers.Conv2D(5, 3)(image), training=True)


NOT_FOLDED = {
    "first": lambda image: layers.Conv2D(5, 3)(layers.BatchNormalization()(image)),
    "after an activation": lambda image: layers.BatchNormalization()(layers.Conv2D(5, 3, activation="relu")(image)),
    "after a pooling": lambda image: layers.BatchNormalization()(layers.MaxPooling2D()(layers.Conv2D(5, 3)(image))),
    "over rows": lambda image: layers.BatchNormalization(axis=1)(layers.Conv2D(5, 3)(image)),
    "after a transposed convolution": lambda image: layers.BatchNormalization()(layers.Conv2DTranspose(5, 3)(image)),
    "of an output used elsewhere": shared_output,
    "of a convolution used elsewhere": shared_convolution,
    "used twice": shared_norm,
    "that runs in training mode": norm_in_training,
}


@pytest.mark.parametrize("kind", NOT_FOLDED)
def test_a_batch_norm_that_cannot_be_folded_is_left_and_the_answers_are_right(kind: str):
    model = through(NOT_FOLDED[kind])

    folded = folding.fold(model, XCEPTION)

    assert folded.skipped == set()
    assert_same_answers(model, folded, XCEPTION)


def test_a_model_whose_output_is_the_layer_before_a_batch_norm_is_right():
    image = keras.Input((SIZE, SIZE, 3))
    logit = layers.Dense(1)(layers.GlobalAveragePooling2D()(image))
    model = randomised(keras.Model(image, [logit, layers.BatchNormalization()(logit)]))

    assert folding.fold(model, XCEPTION).skipped == set()


def test_batch_norms_of_nested_models_are_folded():
    inner = keras.Sequential([keras.Input((SIZE, SIZE, 3)), layers.Conv2D(4, 3), layers.BatchNormalization()])
    model = network(inner, layers.Conv2D(5, 3), layers.BatchNormalization(), layers.ReLU())

    folded = folding.fold(model, XCEPTION)

    assert len(folded.skipped) == 2
    assert_same_answers(model, folded, XCEPTION)


@pytest.mark.parametrize(
    ("first", "taken_over"),
    [
        (lambda: layers.Conv2D(4, 3, strides=2), True),
        (lambda: layers.Conv2D(4, 3, activation="relu"), True),
        (lambda: layers.Conv2D(4, 3, use_bias=False), True),
        (lambda: layers.Conv2D(4, 3, use_bias=False, activation="relu"), False),
        (lambda: layers.Conv2D(4, 3, padding="same"), False),
        (lambda: layers.Conv2D(6, 3, groups=3), False),
        (lambda: layers.SeparableConv2D(4, 3), False),
        (lambda: layers.ZeroPadding2D(), False),
    ],
)
def test_the_first_layer_takes_the_scaling_over_where_that_is_exact(
    first: Callable[[], layers.Layer], taken_over: bool
):
    model = network(first(), layers.ReLU())

    folded = folding.fold(model, UNEVEN)

    assert (folded.scaling is None) == taken_over
    assert_same_answers(model, folded, UNEVEN)


RESCALED = {
    "numbers": lambda: [layers.Rescaling(0.5, 0.25)],
    "a factor for each channel": lambda: [layers.Rescaling([0.5, 1.0, 2.0], [1.0, 0.0, -1.0])],
    "a mean and variance for each channel": lambda: [
        layers.Normalization(mean=[0.1, -0.2, 0.3], variance=[0.5, 1.0, 2.0])
    ],
    "a mean and variance for all": lambda: [layers.Normalization(axis=None, mean=0.4, variance=0.25)],
    "as in EfficientNet": lambda: [
        layers.Rescaling(0.5),
        layers.Normalization(mean=[0.1, -0.2, 0.3], variance=[0.5, 1.0, 2.0]),
        layers.Rescaling([0.5, 1.0, 2.0]),
    ],
}


@pytest.mark.parametrize(("padding", "taken_over"), [("valid", True), ("same", False)])
@pytest.mark.parametrize("kind", RESCALED)
def test_scaling_layers_at_the_beginning_become_part_of_the_scaling(kind: str, padding: str, taken_over: bool):
    model = network(*RESCALED[kind](), layers.Conv2D(4, 3, padding=padding), layers.ReLU())

    folded = folding.fold(model, UNEVEN)

    assert len(folded.skipped) == len(RESCALED[kind]())
    assert (folded.scaling is None) == taken_over
    assert_same_answers(model, folded, UNEVEN)


def a_scaling_besides(image: keras.KerasTensor) -> keras.KerasTensor:
    return layers.concatenate([layers.Conv2D(3, 3)(image), layers.Conv2D(3, 3)(layers.Rescaling(2.0)(image))])


def a_scaling_twice(image: keras.KerasTensor) -> keras.KerasTensor:
    rescaling = layers.Rescaling(0.5)
    return rescaling(layers.Conv2D(4, 3)(rescaling(image)))


NOT_RESCALED = {
    "an inverse": lambda image: layers.Conv2D(4, 3)(layers.Normalization(mean=0.5, variance=4.0, invert=True)(image)),
    "over rows": lambda image: layers.Conv2D(4, 3)(
        layers.Normalization(axis=1, mean=np.linspace(0, 1, SIZE), variance=np.linspace(1, 2, SIZE))(image)
    ),
    "not at the beginning": lambda image: layers.Rescaling(2.0)(layers.Conv2D(4, 3)(image)),
    "of one branch": a_scaling_besides,
    "used twice": a_scaling_twice,
}


@pytest.mark.parametrize("kind", NOT_RESCALED)
def test_a_scaling_layer_that_cannot_be_folded_is_left_and_the_answers_are_right(kind: str):
    model = through(NOT_RESCALED[kind])

    folded = folding.fold(model, UNEVEN)

    assert folded.skipped == set()
    assert_same_answers(model, folded, UNEVEN)


def test_an_image_that_several_layers_see_is_scaled_for_all():
    model = through(lambda image: layers.add([layers.Conv2D(3, 3)(image), layers.Conv2D(3, 3)(image)]))

    folded = folding.fold(model, UNEVEN)

    assert folded.scaling == UNEVEN
    assert_same_answers(model, folded, UNEVEN)


def test_folding_leaves_the_model_as_it_was():
    model = network(layers.Conv2D(5, 3), layers.BatchNormalization())
    before = model.get_weights()

    folding.fold(model, XCEPTION)

    assert all(map(np.array_equal, before, model.get_weights()))


def test_weights_too_large_for_a_graph_stay_variables(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(folding, "MAX_CONSTANTS_BYTES", 100)
    model = network(layers.Conv2D(5, 3), layers.BatchNormalization())

    folded = folding.fold(model, XCEPTION)

    assert all(isinstance(weight, tf.Variable) for weight in folded.weights)
    assert_same_answers(model, folded, XCEPTION)


def test_the_scaling_of_xception_is_that_of_training():
    levels = tf.reshape(tf.range(255, dtype=tf.int32), [85, 3])

    np.testing.assert_allclose(XCEPTION(levels), scale(levels), atol=1e-6)


@pytest.mark.parametrize("nested", [False, True])
def test_the_features_are_what_the_last_dense_layer_sees(nested: bool):
    image = keras.Input((SIZE, SIZE, 3))
    features = layers.Dense(7, activation="relu")(layers.GlobalAveragePooling2D()(layers.Conv2D(5, 3)(image)))
    model = randomised(keras.Model(image, layers.Dense(1, activation="sigmoid")(layers.Dropout(0.5)(features))))
    pixels = tf.constant(np.random.default_rng(1).integers(0, 256, (2, SIZE, SIZE, 3)), tf.uint8)
    expected = keras.Model(image, features)(scale(pixels))

    outputs = folding.fold(keras.Sequential([keras.Input((SIZE, SIZE, 3)), model]) if nested else model, XCEPTION)(
        pixels
    )

    np.testing.assert_allclose(outputs.features, expected, atol=1e-5)
    assert np.ptp(outputs.features) > 0.1


def test_a_network_without_a_dense_layer_has_no_features():
    image = keras.Input((SIZE, SIZE, 3))
    model = keras.Model(image, layers.GlobalAveragePooling2D()(layers.Conv2D(1, 3)(image)))

    assert folding.fold(model, XCEPTION)(tf.zeros([1, SIZE, SIZE, 3], tf.uint8)).features is None


def nested(body: list[layers.Layer]) -> keras.Model:
    image = keras.Input((SIZE, SIZE, 3))
    return keras.Model(image, keras.Sequential(body[1:])(keras.Sequential(body[:1])(image)))


def functional(body: list[layers.Layer]) -> keras.Model:
    image = keras.Input((SIZE, SIZE, 3))
    return keras.Model(image, functools.reduce(lambda x, layer: layer(x), body, image))


BUILDS = {
    "functional": functional,
    "nested": nested,
    "sequential": lambda body: keras.Sequential([keras.Input((SIZE, SIZE, 3)), *body]),
}


ENDS = {  # the last layers, and what becomes of a logit in them
    "sigmoid": (lambda: [layers.Dense(1, activation="sigmoid")], tf.sigmoid),
    "sigmoid of its own": (lambda: [layers.Dense(1), layers.Activation("sigmoid")], tf.sigmoid),
    "sigmoid before a dropout": (lambda: [layers.Dense(1, activation="sigmoid"), layers.Dropout(0.5)], tf.sigmoid),
    "softmax": (lambda: [layers.Dense(2, activation="softmax")], tf.nn.softmax),
    "softmax of its own": (lambda: [layers.Dense(2), layers.Softmax()], tf.nn.softmax),
    "linear": (lambda: [layers.Dense(1)], tf.identity),
    "linear of its own": (lambda: [layers.Dense(1), layers.Activation("linear")], tf.identity),
}


@pytest.mark.parametrize("build", ["functional", "nested", "sequential"])
@pytest.mark.parametrize("end", ENDS)
def test_the_logits_are_what_the_last_activation_sees(end: str, build: str):
    last, activation = ENDS[end]
    body = [layers.Conv2D(5, 3), layers.GlobalAveragePooling2D(), *last()]
    model = randomised(BUILDS[build](body))
    pixels = tf.constant(np.random.default_rng(1).integers(0, 256, (2, SIZE, SIZE, 3)), tf.uint8)

    outputs = tf.function(folding.fold(model, XCEPTION))(pixels)

    np.testing.assert_allclose(outputs.answers, model(scale(pixels)), atol=1e-5)
    np.testing.assert_allclose(activation(outputs.logits), outputs.answers, atol=1e-6)
    assert np.ptp(outputs.logits) > 0.01


@pytest.mark.parametrize(
    "last",
    [
        lambda: [layers.Dense(1, activation="relu")],
        lambda: [layers.Dense(1, activation="sigmoid"), layers.Rescaling(2.0)],
        lambda: [layers.Dense(1), layers.Rescaling(2.0)],
    ],
)
def test_an_answer_that_is_no_function_of_logits_known_here_has_none(last: Callable[[], list[layers.Layer]]):
    model = functional([layers.Conv2D(5, 3), layers.GlobalAveragePooling2D(), *last()])

    assert folding.fold(model, XCEPTION)(tf.zeros([1, SIZE, SIZE, 3], tf.uint8)).logits is None


def mixed(dtype: str, model: keras.Model) -> keras.Model:
    """The same layers and weights, computing in half precision what is more than one vector an image."""

    def under_policy(layer: layers.Layer) -> layers.Layer:
        policy = "float32" if len(layer.output.shape) == 2 else f"mixed_{dtype}"
        return layer.from_config({**layer.get_config(), "dtype": policy})

    copy = keras.models.clone_model(model, clone_function=under_policy)
    copy.set_weights(model.get_weights())
    return copy


def several_kinds() -> keras.Model:
    """Layers with a bias and without, a batch norm that is not folded, and a residual sum."""
    image = keras.Input((SIZE, SIZE, 3))
    x = layers.BatchNormalization()(layers.Conv2D(5, 3, strides=2, use_bias=False)(image))
    x = layers.BatchNormalization()(layers.ReLU()(x))
    x = layers.add([x, layers.BatchNormalization()(layers.SeparableConv2D(5, 3, padding="same")(x))])
    x = layers.Dense(6, activation="relu")(layers.GlobalAveragePooling2D()(x))
    return randomised(keras.Model(image, layers.Activation("sigmoid")(layers.Dense(1)(x))))


@pytest.mark.parametrize(("dtype", "tolerance"), [("bfloat16", 0.03), ("float16", 0.003)])
def test_a_model_in_half_precision_computes_in_it_and_answers_in_float32(dtype: str, tolerance: float):
    model = several_kinds()
    pixels = tf.constant(np.random.default_rng(1).integers(0, 256, (8, SIZE, SIZE, 3)), tf.uint8)
    expected = folding.fold(model, XCEPTION)(pixels)

    served = tf.function(folding.fold(mixed(dtype, model), XCEPTION)).get_concrete_function(pixels)
    outputs = served(pixels)

    convolutions = [node for node in served.graph.as_graph_def().node if node.op == "Conv2D"]
    assert {tf.as_dtype(node.attr["T"].type).name for node in convolutions} == {dtype}
    assert {value.dtype for value in outputs} == {tf.float32}
    for value, exact in zip(outputs, expected, strict=True):
        np.testing.assert_allclose(value, exact, atol=tolerance * np.abs(exact).max())
    assert np.any(outputs.logits != tf.cast(tf.cast(outputs.logits, dtype), tf.float32))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_kernels_used_in_half_precision_are_stored_so(dtype: str):
    folded = folding.fold(mixed(dtype, several_kinds()), XCEPTION)

    weights = zip(folded.model.variables, folded.weights, strict=True)
    kernels = [weight.dtype.name for variable, weight in weights if variable.name in ("kernel", "pointwise_kernel")]
    assert kernels == [dtype, dtype, "float32", "float32"]


@pytest.mark.slow
def test_every_batch_norm_of_xception_is_folded_and_no_answer_changes():
    keras.utils.set_random_seed(2)
    body = keras.applications.Xception(weights=None, include_top=False, pooling="avg", input_shape=(299, 299, 3))
    rng = np.random.default_rng(4)
    for layer in body.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.gamma.assign(rng.uniform(0.8, 1.5, layer.gamma.shape))
            layer.beta.assign(rng.uniform(-0.3, 0.3, layer.beta.shape))
            layer.moving_mean.assign(rng.normal(0, 0.1, layer.moving_mean.shape))
            layer.moving_variance.assign(rng.uniform(0.3, 1.2, layer.moving_variance.shape))
    steep = layers.Dense(1, kernel_initializer=keras.initializers.RandomNormal(stddev=2))
    model = keras.Model(body.input, steep(body.output))

    folded = folding.fold(model, XCEPTION)

    assert len(folded.skipped) == batch_norms(model) == 40
    assert folded.scaling is None
    assert_same_answers(model, folded, XCEPTION)
