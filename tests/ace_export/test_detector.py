from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from ace_export.detector import load_detector
from ace_export.errors import ModelError
from ace_export.settings import Settings

IMAGE = (32, 32, 3)


def classifier(
    shape: tuple[int | None, ...] = IMAGE, *, units: int = 1, activation: str | None = "sigmoid"
) -> keras.Model:
    image = keras.Input(shape)
    pooled = layers.GlobalAveragePooling2D()(image) if len(shape) == 3 else image
    return keras.Model(image, layers.Dense(units, activation=activation)(pooled))


def with_two_inputs() -> keras.Model:
    images = [keras.Input(IMAGE), keras.Input(IMAGE)]
    return keras.Model(images, layers.Dense(1, activation="sigmoid")(layers.Flatten()(layers.add(images))))


def with_a_pooled_output() -> keras.Model:
    image = keras.Input(IMAGE)
    return keras.Model(image, layers.GlobalAveragePooling2D()(layers.Conv2D(1, 3, activation="sigmoid")(image)))


def with_a_batch_of_one() -> keras.Model:
    image = keras.Input(batch_shape=(1, *IMAGE))
    return keras.Model(image, layers.Dense(1)(layers.Flatten()(image)))


def with_two_outputs() -> keras.Model:
    model = classifier()
    return keras.Model(model.inputs, [model.outputs[0], model.outputs[0]])


def test_reads_the_input_size_and_the_files_hash(detector_file: Path):
    detector = load_detector(detector_file)

    assert detector.input_size == (96, 96)
    assert detector.file_name == "detector.keras"
    assert len(detector.sha256) == 64


@pytest.mark.parametrize(
    ("build", "found"),
    [
        (lambda: classifier((100,)), "its input is [n, 100], not [n, height, width, 3]"),
        (lambda: classifier((None, None, 3)), "its input is [n, n, n, 3], of any size. Pass --input-size"),
        (lambda: classifier((32, 32, 1)), "its input is [n, 32, 32, 1]"),
        (lambda: classifier(units=3, activation="softmax"), "its output is [n, 3], not [n, 1] or [n, 2]"),
        (lambda: classifier(units=1, activation="softmax"), "its output is 1 of softmax"),
        (lambda: classifier(units=2, activation="sigmoid"), "its output is 2 of sigmoid"),
        (lambda: classifier(activation="relu"), "its output is 1 of relu"),
        (lambda: keras.Sequential([keras.Input((32, 32, 1)), layers.GlobalAveragePooling2D()]), "its input is"),
        (with_a_pooled_output, "its output is 1 of GlobalAveragePooling2D"),
        (with_a_batch_of_one, "its input is [1, 32, 32, 3]"),
        (with_two_inputs, "it has 2 inputs"),
        (with_two_outputs, "it has 2 outputs"),
        (lambda: keras.Sequential([keras.Input(IMAGE), layers.Conv2D(1, 3)]), "its output is [n, 30, 30, 1]"),
    ],
)
def test_a_model_that_is_no_binary_image_classifier_is_named_for_what_it_is(
    build: Callable[[], keras.Model], found: str, tmp_path: Path
):
    build().save(tmp_path / "other.keras")

    with pytest.raises(ModelError, match="holds no binary image classifier") as error:
        load_detector(tmp_path / "other.keras")

    assert found in str(error.value)


@pytest.mark.parametrize("name", ["lambda.keras", "lambda.h5"])
@pytest.mark.filterwarnings("ignore:.*legacy:UserWarning")
def test_a_lambda_is_not_run(name: str, tmp_path: Path):
    image = keras.Input(IMAGE)
    keras.Model(image, layers.Lambda(lambda x: x[:, 0, 0, :1])(image)).save(tmp_path / name)

    with pytest.raises(ModelError, match="custom objects and lambdas are not run"):
        load_detector(tmp_path / name)


def test_a_custom_layer_is_not_run(tmp_path: Path):
    class Custom(layers.Layer):
        def call(self, x):
            return x[:, 0, 0, :1]

    image = keras.Input(IMAGE)
    keras.Model(image, Custom()(image)).save(tmp_path / "custom.keras")

    with pytest.raises(ModelError, match="custom objects and lambdas are not run"):
        load_detector(tmp_path / "custom.keras")


def test_a_cut_off_file_is_refused(detector_file: Path, tmp_path: Path):
    content = detector_file.read_bytes()
    (tmp_path / "cut.keras").write_bytes(content[: len(content) // 2])

    with pytest.raises(ModelError, match="It must be whole"):
        load_detector(tmp_path / "cut.keras")


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_a_legacy_h5_file_is_read(tmp_path: Path):
    model = classifier()
    model.save(tmp_path / "detector.h5")

    detector = load_detector(tmp_path / "detector.h5")

    image = np.random.default_rng(0).uniform(-1, 1, (2, *IMAGE)).astype(np.float32)
    np.testing.assert_allclose(detector.reference(image), model(image), atol=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_named(value: float, tmp_path: Path):
    model = classifier()
    bias = model.layers[-1].bias
    bias.assign([value])
    model.save(tmp_path / "detector.keras")

    with pytest.raises(ModelError, match=rf"its weights {bias.path} hold NaN or infinity"):
        load_detector(tmp_path / "detector.keras")


def test_a_model_of_any_input_size_is_served_at_the_one_asked_for(tmp_path: Path):
    classifier((None, None, 3)).save(tmp_path / "detector.keras")

    detector = load_detector(tmp_path / "detector.keras", Settings(input_size=(40, 56)))

    assert detector.input_size == (40, 56)
    assert detector.network.input_shape == (None, 40, 56, 3)


def test_a_model_of_one_input_size_is_not_served_at_another(tmp_path: Path):
    classifier().save(tmp_path / "detector.keras")

    with pytest.raises(ModelError, match=r"its input is \[n, 32, 32, 3\], and not the --input-size"):
        load_detector(tmp_path / "detector.keras", Settings(input_size=(40, 56)))


def scaled_by(*scaling: layers.Layer) -> keras.Model:
    return keras.Sequential([keras.Input(IMAGE), *scaling, layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(1)])


def scaled_by_operations() -> keras.Model:
    image = keras.Input(IMAGE)
    scaled = keras.applications.xception.preprocess_input(image)
    return keras.Model(image, layers.Dense(1)(layers.Flatten()(scaled)))


@pytest.mark.parametrize(
    ("build", "scale"),
    [
        (lambda: scaled_by(), "xception"),
        (lambda: scaled_by(layers.Rescaling(1 / 127.5, -1)), "none"),
        (lambda: scaled_by(layers.Normalization(mean=[120.0] * 3, variance=[60.0] * 3)), "none"),
        (lambda: scaled_by(keras.Sequential([layers.RandomFlip(), layers.Rescaling(1 / 255)])), "none"),
        (lambda: scaled_by(layers.Conv2D(4, 3), layers.Rescaling(0.5)), "xception"),
        (scaled_by_operations, "none"),
    ],
    ids=["nothing", "rescaling", "normalization", "nested", "only behind weights", "operations"],
)
def test_pixels_are_scaled_unless_the_model_does_it_before_its_first_weights(
    build: Callable[[], keras.Model], scale: str, tmp_path: Path
):
    build().save(tmp_path / "detector.keras")

    assert load_detector(tmp_path / "detector.keras").scale == scale
    assert load_detector(tmp_path / "detector.keras", Settings(scale="unit")).scale == "unit"


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float32"])
def test_a_model_of_any_precision_computes_in_float32_with_the_same_weights(policy: str, tmp_path: Path):
    image = keras.Input(IMAGE)
    x = layers.BatchNormalization(dtype=policy)(layers.Conv2D(4, 3, dtype=policy)(image))
    x = layers.GlobalAveragePooling2D(dtype=policy)(x)
    nested = keras.Sequential([keras.Input((4,)), layers.Dense(3, activation="relu", dtype=policy)])
    trained = keras.Model(image, layers.Dense(1, activation="sigmoid", dtype="float32")(nested(x)))
    trained.save(tmp_path / "detector.keras")

    detector = load_detector(tmp_path / "detector.keras")

    rebuilt = detector.network
    assert rebuilt is detector.reference

    flat = rebuilt._flatten_layers()
    assert {layer.compute_dtype for layer in flat if not isinstance(layer, keras.Model)} == {"float32"}
    for before, after in zip(trained.get_weights(), rebuilt.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    images = np.random.default_rng(0).uniform(-1, 1, (2, *IMAGE)).astype(np.float32)
    np.testing.assert_allclose(rebuilt.predict(images, verbose=0), trained.predict(images, verbose=0), atol=1e-2)


@pytest.mark.parametrize("given", [{}, {"mean": [90.0, 110.0, 130.0], "variance": [900.0, 1600.0, 2500.0]}])
def test_a_normalization_keeps_the_statistics_that_it_has_learnt_or_been_given(given: dict, tmp_path: Path):
    images = np.random.default_rng(0).uniform(0, 255, (8, *IMAGE)).astype(np.float32)
    normalization = layers.Normalization(**given)
    if not given:
        normalization.adapt(images)
    nested = keras.Sequential([keras.Input(IMAGE), normalization, layers.Conv2D(4, 3)])
    trained = keras.Sequential([nested, layers.GlobalAveragePooling2D(), layers.Dense(1, activation="sigmoid")])
    trained.save(tmp_path / "detector.keras")

    reference = load_detector(tmp_path / "detector.keras").reference

    np.testing.assert_allclose(reference(images), trained(images), atol=1e-5)


@pytest.mark.parametrize("policy", ["mixed_float16", "float32"])
@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_feature_maps_are_computed_in_the_precision_asked_for_and_vectors_in_float32(
    precision: str, policy: str, tmp_path: Path
):
    image = keras.Input(IMAGE)
    x = layers.Conv2D(4, 3, dtype=policy)(image)
    x = layers.GlobalAveragePooling2D(dtype=policy)(x)
    keras.Model(image, layers.Dense(1, activation="sigmoid", dtype=policy)(x)).save(tmp_path / "detector.keras")

    detector = load_detector(tmp_path / "detector.keras", Settings(precision=precision))

    assert [layer.compute_dtype for layer in detector.network.layers[1:]] == [precision, "float32", "float32"]
    assert {layer.compute_dtype for layer in detector.reference.layers} == {"float32"}
    for before, after in zip(detector.reference.get_weights(), detector.network.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_a_quantized_layer_stays_quantized(tmp_path: Path):
    model = classifier()
    model.layers[-1].quantize("int8")
    model.save(tmp_path / "detector.keras")
    image = np.random.default_rng(0).uniform(-1, 1, (2, *IMAGE)).astype(np.float32)

    detector = load_detector(tmp_path / "detector.keras")

    assert detector.network.layers[-1].kernel.dtype == "int8"
    np.testing.assert_allclose(detector.network(image), model(image), atol=1e-5)
