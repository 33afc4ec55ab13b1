from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import saved_model_pb2

from ace_export.detector import Detector, load_detector
from ace_export.graph import ServingGraph
from ace_export.parity import reference_pixels
from ace_export.settings import Settings

Answer = Callable[[list[bytes]], dict[str, np.ndarray]]
Signatures = Mapping[str, Any]


def test_signatures_are_those_of_the_contract(signatures: Signatures):
    found = {
        name: {
            "inputs": {spec.name: (spec.dtype.name, spec.shape.as_list()) for spec in inputs(signature)},
            "outputs": {key: (spec.dtype.name, spec.shape.as_list()) for key, spec in outputs(signature)},
        }
        for name, signature in signatures.items()
    }

    verdict = {"prob_fake": ("float32", [None]), "label": ("string", [None])}
    assert found == {
        "serving_default": {
            "inputs": {"image_bytes": ("string", [None])},
            "outputs": {**verdict, "error": ("string", [None])},
        },
        "pixels": {"inputs": {"pixels": ("uint8", [None, 96, 96, 3])}, "outputs": verdict},
        "features": {
            "inputs": {"image_bytes": ("string", [None])},
            "outputs": {"features": ("float32", [None, 8]), "error": ("string", [None])},
        },
        "classify": {
            "inputs": {"inputs": ("string", [None])},
            "outputs": {"classes": ("string", [None, 2]), "scores": ("float32", [None, 2])},
        },
        "regress": {"inputs": {"inputs": ("string", [None])}, "outputs": {"outputs": ("float32", [None])}},
    }


def test_signatures_name_the_methods_that_tensorflow_serving_checks(version: Path):
    model = saved_model_pb2.SavedModel.FromString((version / "saved_model.pb").read_bytes())

    assert {name: signature.method_name for name, signature in model.meta_graphs[0].signature_def.items()} == {
        "serving_default": "tensorflow/serving/predict",
        "pixels": "tensorflow/serving/predict",
        "features": "tensorflow/serving/predict",
        "classify": "tensorflow/serving/classify",
        "regress": "tensorflow/serving/regress",
        "__saved_model_init_op": "",
    }


BAD_EXAMPLES = {
    "no example": b"\xff\xff",
    "no such feature": tf.train.Example().SerializeToString(),
    "a feature of another type": tf.train.Example(
        features=tf.train.Features(feature={"image/encoded": tf.train.Feature(int64_list={"value": [1]})})
    ).SerializeToString(),
}


@pytest.mark.parametrize("kind", BAD_EXAMPLES)
def test_examples_are_answered_as_the_images_in_them_and_a_bad_one_with_nan(
    signatures: Signatures, faces: list[bytes], kind: str
):
    examples = tf.constant([example(faces[0]), BAD_EXAMPLES[kind], example(b"no image"), example(faces[1])])
    prob_fake = signatures["serving_default"](tf.constant(faces[:2]))["prob_fake"].numpy()
    expected = [prob_fake[0], np.nan, np.nan, prob_fake[1]]

    classified = signatures["classify"](examples)
    regressed = signatures["regress"](examples)

    np.testing.assert_allclose(regressed["outputs"], expected, atol=1e-6)
    np.testing.assert_allclose(classified["scores"], np.stack([np.subtract(1, expected), expected], 1), atol=1e-6)
    assert classified["classes"].numpy().tolist() == [[b"real", b"fake"]] * 4


def test_features_stand_where_their_images_stood(signatures: Signatures, faces: list[bytes]):
    features = signatures["features"]
    alone = features(tf.constant(faces))["features"].numpy()

    outputs = features(tf.constant([faces[0], b"no image", *faces[1:]]))

    np.testing.assert_allclose(outputs["features"].numpy()[[0, 2, 3]], alone, atol=1e-5)
    assert np.isnan(outputs["features"].numpy()[1]).all()
    assert [bool(error) for error in outputs["error"].numpy()] == [False, True, False, False]
    assert np.ptp(alone, axis=0).max() > 1e-2  # or an answer in the wrong place would go unseen


def test_both_signatures_answer_the_same_to_the_same_pixels(signatures: Signatures, golden_images: dict[str, bytes]):
    png = golden_images["png"]

    decoded = signatures["pixels"](tf.constant(reference_pixels(png, (96, 96))[np.newaxis]))
    encoded = signatures["serving_default"](tf.constant([png]))

    np.testing.assert_allclose(decoded["prob_fake"], encoded["prob_fake"], atol=1e-3)
    assert decoded["label"].numpy().tolist() == encoded["label"].numpy().tolist()


def test_an_empty_batch_of_pixels_is_answered_with_no_rows(signatures: Signatures):
    outputs = signatures["pixels"](tf.zeros([0, 96, 96, 3], tf.uint8))

    assert [value.shape[0] for value in outputs.values()] == [0, 0]


@pytest.mark.parametrize(("step", "label"), [(0, b"fake"), (1, b"real")])
def test_an_image_is_fake_from_the_threshold_on(detector: Detector, faces: list[bytes], step: int, label: bytes):
    pixels = tf.constant(reference_pixels(faces[0], (96, 96))[np.newaxis])
    prob_fake = ServingGraph(detector).pixels(pixels)["prob_fake"].numpy()[0]
    threshold = prob_fake if step == 0 else np.nextafter(prob_fake, np.float32(1))

    verdict = ServingGraph(replace(detector, threshold=float(threshold))).pixels(pixels)

    assert verdict["label"].numpy().tolist() == [label]


def test_decoding_is_pinned_to_the_cpu(version: Path):
    decoders = [node for node in nodes(version) if "Dataset" in node.op]

    assert decoders
    assert all(node.device.lower().endswith("cpu:0") for node in decoders)


def test_the_graph_needs_no_python_and_no_half_precision(version: Path):
    found = nodes(version)

    assert not {node.op for node in found} & {"PyFunc", "EagerPyFunc", "PyFuncStateless"}
    assert not [node.name for node in found if types_pb2.DT_HALF in {attr.type for attr in node.attr.values()}]


def test_the_graph_holds_the_weights_once_for_all_signatures(detector: Detector, tmp_path: Path):
    image = keras.Input((96, 96, 3))
    pooled = layers.GlobalAveragePooling2D()(layers.Conv2D(256, 32, use_bias=False)(image))
    model = keras.Model(image, layers.Dense(1, activation="sigmoid")(pooled))
    weights_bytes = 4 * model.count_params()

    ServingGraph(replace(detector, network=model)).save(tmp_path)

    assert weights_bytes <= (tmp_path / "saved_model.pb").stat().st_size <= weights_bytes + 1_200_000
    assert sum(path.stat().st_size for path in (tmp_path / "variables").iterdir()) < 4096


@pytest.fixture(scope="module")
def compiled_version(detector: Detector, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compiled")
    ServingGraph(detector, xla=True).save(folder)
    return folder


def test_a_graph_compiled_by_xla_answers_the_same_to_batches_of_any_size(
    compiled_version: Path, answer: Answer, faces: list[bytes], load: Callable[[Path], Answer]
):
    compiled = load(compiled_version)

    assert any("_XlaMustCompile" in node.attr for node in nodes(compiled_version))
    for images in (faces, faces[:1], [b"no image"], [*faces, *faces], faces[:1]):
        found, expected = compiled(images), answer(images)
        np.testing.assert_allclose(logit(found["prob_fake"]), logit(expected["prob_fake"]), atol=1e-4)
        assert found["label"].tolist() == expected["label"].tolist()
    assert np.ptp(logit(answer(faces)["prob_fake"])) > 1e-2


@pytest.fixture(scope="module", params=["bfloat16", "float16"])
def reduced(
    request: pytest.FixtureRequest, detector_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path]:
    """A precision, and a version that computes in it."""
    folder = tmp_path_factory.mktemp(request.param)
    ServingGraph(load_detector(detector_file, Settings(precision=request.param))).save(folder)
    return request.param, folder


def test_a_graph_of_half_precision_answers_nearly_the_same(
    reduced: tuple[str, Path], answer: Answer, faces: list[bytes], load: Callable[[Path], Answer]
):
    precision, folder = reduced

    answers = load(folder)(faces)

    assert answers["prob_fake"].dtype == np.float32
    np.testing.assert_allclose(answers["prob_fake"], answer(faces)["prob_fake"], atol=0.02)
    convolutions = [node for node in nodes(folder) if "Conv2D" in node.op or "Conv2d" in node.op]
    assert {tf.as_dtype(node.attr["T"].type) for node in convolutions} == {tf.as_dtype(precision)}


def logit(prob_fake: np.ndarray) -> np.ndarray:
    return np.log(prob_fake) - np.log1p(-prob_fake)


def example(image: bytes) -> bytes:
    feature = tf.train.Feature(bytes_list={"value": [image]})
    return tf.train.Example(features=tf.train.Features(feature={"image/encoded": feature})).SerializeToString()


def inputs(signature):
    return signature.structured_input_signature[1].values()


def outputs(signature):
    return signature.structured_outputs.items()


def nodes(version: Path):
    model = saved_model_pb2.SavedModel.FromString((version / "saved_model.pb").read_bytes())
    graph = model.meta_graphs[0].graph_def
    return [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
