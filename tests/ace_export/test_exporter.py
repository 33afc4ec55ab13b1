import contextlib
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

import httpx
import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from tensorflow_serving.apis import prediction_log_pb2

from ace_export import golden, manifest, parity, publish
from ace_export.detector import Detector
from ace_export.exporter import export

Serve = Callable  # what the fixture gives: see tests/conftest.py


def test_the_manifest_says_what_the_version_was_made_of(version: Path, detector_file: Path):
    said = json.loads((version / manifest.PATH).read_text())

    assert said["source"] == {
        "file": "detector.keras",
        "sha256": hashlib.sha256(detector_file.read_bytes()).hexdigest(),
    }
    assert said["threshold"] == 0.5
    assert said["contract"] == 1
    assert said["input_size"] == [96, 96]
    assert (said["scale"], said["output"], said["classes"]) == ("xception", "sigmoid", ["real", "fake"])
    assert (said["temperature"], said["max_pixels"], said["xla"]) == (1.0, 50_000_000, False)
    assert said["metrics"] == {}
    assert said["precision"] == "float32"
    assert said["parity"]["max_abs_delta"] == max(said["parity"]["abs_delta"].values()) <= 1e-3
    assert said["versions"]["tensorflow"] == tf.__version__
    assert datetime.fromisoformat(said["created"]).utcoffset().total_seconds() == 0


def test_the_manifest_has_the_hash_of_every_other_file(version: Path):
    said = json.loads((version / manifest.PATH).read_text())

    found = {path.relative_to(version) for path in version.rglob("*") if path.is_file()}
    assert {*map(Path, said["files"]), Path("assets.extra/manifest.json")} == found
    for path, sha256 in said["files"].items():
        assert hashlib.sha256((version / path).read_bytes()).hexdigest() == sha256


def test_golden_images_lie_beside_the_manifest_with_the_answers_to_them(version: Path, detector: Detector):
    said = json.loads((version / manifest.PATH).read_text())
    images = {image.name: image for image in golden.draw()}

    assert said["golden"].keys() == images.keys()
    expected = parity.reference(detector, [image for image in images.values() if image.readable])
    for name, entry in said["golden"].items():
        assert (version / "assets.extra" / "golden" / entry["file"]).read_bytes() == images[name].data
        if images[name].readable:
            assert entry["prob_fake"] == pytest.approx(expected[name], abs=1e-3)
            assert (entry["label"], entry["error"]) == ("fake" if entry["prob_fake"] >= 0.5 else "real", "")
        else:
            assert (entry["prob_fake"], entry["label"]) == (None, "")
            assert entry["error"]


def test_what_training_found_out_goes_into_the_version(changed: Path):
    said = json.loads((changed / manifest.PATH).read_text())

    assert (said["threshold"], said["metrics"]) == (0.4, {"auc": 0.9})
    assert said["temperature"] == 2.0  # what is asked for goes first


def test_images_of_a_persons_own_are_checked_beside_the_golden_ones(changed: Path):
    said = json.loads((changed / manifest.PATH).read_text())

    assert "mine.jpg" in said["parity"]["abs_delta"]
    assert "mine.jpg" not in said["golden"]


def test_warm_up_requests_are_there_of_each_signature_and_batch_size(version: Path):
    records = tf.data.TFRecordDataset(str(version / "assets.extra" / "tf_serving_warmup_requests"))

    found = []
    for record in records.as_numpy_iterator():
        log = prediction_log_pb2.PredictionLog.FromString(record)
        kind = log.WhichOneof("log_type")
        request = getattr(log, kind).request
        assert request.model_spec.name == "detector"
        size = (
            next(iter(request.inputs.values())).tensor_shape.dim[0].size
            if kind == "predict_log"
            else len(request.input.example_list.examples)
        )
        found.append((kind, request.model_spec.signature_name, size))

    assert sorted(found) == sorted(
        (kind, signature, size)
        for kind, signature in [
            ("predict_log", "serving_default"),
            ("predict_log", "pixels"),
            ("predict_log", "features"),
            ("classify_log", "classify"),
            ("regress_log", "regress"),
        ]
        for size in (1, 2, 4, 8)
    )


def test_warm_up_requests_are_answered_without_a_refusal(version: Path, signatures: Mapping[str, Callable]):
    records = tf.data.TFRecordDataset(str(version / "assets.extra" / "tf_serving_warmup_requests"))

    for record in records.as_numpy_iterator():
        log = prediction_log_pb2.PredictionLog.FromString(record)
        request = getattr(log, log.WhichOneof("log_type")).request
        if log.HasField("predict_log"):
            fed = {name: tf.constant(tf.make_ndarray(tensor)) for name, tensor in request.inputs.items()}
        else:
            fed = {"inputs": tf.constant([e.SerializeToString() for e in request.input.example_list.examples])}
        for name, output in signatures[request.model_spec.signature_name](**fed).items():
            assert output.dtype != tf.float32 or np.isfinite(output).all()
            assert name != "error" or not any(output.numpy())


def test_a_server_replays_the_warm_up_requests_as_it_loads(version: Path, serve: Serve):
    server = serve(version.parent, "--model_name=detector", "--rest_api_port=-1")

    metrics = httpx.get(f"{server.rest_url}/monitoring/prometheus/metrics").text
    assert re.search(r"model_warmup_records_read\{[^}]*\} 20(\.0)?$", metrics, re.MULTILINE), metrics


def test_the_same_model_exported_twice_is_the_same_graph_with_the_same_answers(
    by_command: tuple[Path, subprocess.CompletedProcess], command: Callable, detector_file: Path, tmp_path: Path
):
    assert command(detector_file, tmp_path).returncode == 0

    first, second = (json.loads((version / manifest.PATH).read_text()) for version in (by_command[0], tmp_path / "1"))
    assert first["files"] == second["files"]
    assert first["golden"] == second["golden"]


EXPORT_IN_A_FORK_FOR_EACH_LINE = """
import os, sys
from pathlib import Path
from ace_export.exporter import export  # TensorFlow is imported once, and begins to work in the forks

for _ in sys.stdin:
    child = os.fork()
    if child == 0:
        export(*map(Path, sys.argv[1:]))
        os._exit(0)
    print(child, flush=True)
    print(os.waitpid(child, 0)[1], flush=True)
"""
MOMENTS = [".exporting-*", ".exporting-*/version/saved_model.pb", ".exporting-*/version/assets.extra/manifest.json"]


@pytest.mark.slow
def test_an_exporter_killed_at_any_moment_leaves_a_whole_version_or_none(detector_file: Path, tmp_path: Path):
    """At its beginning, half-way and just before its end; `test_publish` has more moments of the latter."""
    models, statuses = tmp_path / "models", []
    command = [sys.executable, "-c", EXPORT_IN_A_FORK_FOR_EACH_LINE, str(detector_file), str(models)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as exporters:
        for moment in MOMENTS:
            exporters.stdin.write("\n")
            child = int(exporters.stdout.readline())
            wait_for(lambda moment=moment: any(models.glob(moment)) or any(publish.versions(models)))
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            statuses.append(int(exporters.stdout.readline()))
        exporters.stdin.close()

    assert statuses[:2] == [signal.SIGKILL] * 2
    for version in publish.versions(models):
        said = json.loads((models / str(version) / manifest.PATH).read_text())
        assert manifest.hashes(models / str(version)) == said["files"]


def wait_for(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.005)


@pytest.mark.slow
def test_the_full_depth_of_xception_in_mixed_precision_is_exported(tmp_path: Path):
    keras.utils.set_random_seed(1)
    keras.config.set_dtype_policy("mixed_float16")
    try:
        body = keras.applications.Xception(weights=None, include_top=False, pooling="avg", input_shape=(96, 96, 3))
        prob_fake = layers.Dense(1, activation="sigmoid", dtype="float32")(body.output)
        keras.Model(body.input, prob_fake).save(tmp_path / "detector.keras")
    finally:
        keras.config.set_dtype_policy("float32")

    version = export(tmp_path / "detector.keras", tmp_path / "models")

    assert version.name == "1"
    assert sum(path.stat().st_size for path in version.rglob("*") if path.is_file()) < 4 * 20_863_529 + 8_000_000
