import hashlib
import json
from datetime import datetime
from pathlib import Path

import keras
import pytest
import tensorflow as tf
from keras import layers
from tensorflow_serving.apis import prediction_log_pb2

from ace_export.exporter import export


def test_the_manifest_says_what_the_version_was_made_of(version: Path, detector_file: Path):
    manifest = json.loads((version / "assets.extra" / "manifest.json").read_text())

    assert manifest["source"] == {
        "file": "detector.keras",
        "sha256": hashlib.sha256(detector_file.read_bytes()).hexdigest(),
    }
    assert manifest["threshold"] == 0.5
    assert manifest["input_size"] == 96
    assert manifest["precision"] == "float32"
    assert manifest["parity"]["max_abs_delta"] == max(manifest["parity"]["abs_delta"].values()) <= 1e-3
    assert manifest["versions"]["tensorflow"] == tf.__version__
    assert datetime.fromisoformat(manifest["created"]).utcoffset().total_seconds() == 0


def test_warm_up_requests_of_each_batch_size_are_answered_without_errors(version: Path):
    records = tf.data.TFRecordDataset(str(version / "assets.extra" / "tf_serving_warmup_requests"))
    signature = tf.saved_model.load(str(version)).signatures["serving_default"]

    sizes = []
    for record in records.as_numpy_iterator():
        request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
        assert (request.model_spec.name, request.model_spec.signature_name) == ("detector", "serving_default")
        images = tf.constant(tf.make_ndarray(request.inputs["image_bytes"]))
        assert not any(signature(images)["error"].numpy())
        sizes.append(images.shape[0])

    assert sizes == [1, 2, 4, 8]


@pytest.mark.slow
def test_a_full_xception_of_mixed_precision_is_exported(tmp_path: Path):
    keras.utils.set_random_seed(1)
    keras.config.set_dtype_policy("mixed_float16")
    try:
        body = keras.applications.Xception(weights=None, include_top=False, pooling="avg", input_shape=(299, 299, 3))
        prob_fake = layers.Dense(1, activation="sigmoid", dtype="float32")(body.output)
        keras.Model(body.input, prob_fake).save(tmp_path / "detector.keras")
    finally:
        keras.config.set_dtype_policy("float32")

    version = export(tmp_path / "detector.keras", tmp_path / "models")

    assert version.name == "1"
    assert sum(path.stat().st_size for path in version.rglob("*") if path.is_file()) < 4 * 20_863_529 + 3_000_000
