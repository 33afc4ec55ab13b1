import dataclasses
import json
from pathlib import Path

import keras
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from ace_export import pixels
from ace_export.detector import load_detector
from ace_training.errors import ImageFolderError, OutputError
from ace_training.presets import Preset
from ace_training.train import fit


@pytest.fixture(scope="module")
def fitted(faces, tiny, tmp_path_factory) -> Path:
    """A detector that the real loop trained, badly, over one that was there."""
    out = tmp_path_factory.mktemp("fit")
    (out / "detector.keras").write_text("old")
    return fit(faces, out, tiny, seed=1, overwrite=True).parent


@pytest.fixture(scope="module")
def report(fitted) -> dict:
    return json.loads((fitted / "report.json").read_text())


def prepared(paths: list[Path], preset: Preset) -> np.ndarray:
    size = (preset.input_size, preset.input_size)
    return np.stack([pixels.scale(pixels.resize(pixels.decode(path.read_bytes()), size)) for path in paths])


def test_writes_the_detector_over_an_old_one_and_its_report_and_nothing_else(fitted):
    assert sorted(path.name for path in fitted.iterdir()) == ["detector.keras", "report.json"]
    assert (fitted / "detector.keras").read_bytes() != b"old"


def test_the_saved_detector_has_the_reported_test_figures(fitted, report, faces, tiny):
    model = keras.models.load_model(fitted / "detector.keras")
    paths = sorted((faces / "test").rglob("*.jpg"))
    images = prepared(paths, tiny)
    truth = np.array([path.parent.name == "fake" for path in paths])

    prob_fake = model.predict(images, verbose=0)[:, 0]

    assert prob_fake.dtype == np.float32
    assert report["test"]["auc"] == pytest.approx(roc_auc_score(truth, prob_fake), abs=1e-3)
    assert report["test"]["accuracy"] == pytest.approx(np.mean((prob_fake >= 0.5) == truth), abs=4e-3)
    assert np.sum(report["test"]["confusion_matrix"]) == len(paths)
    assert np.sum(report["test"]["confusion_matrix"], 1).tolist() == [100, 100]


def test_the_epoch_with_the_best_validation_auc_is_kept(fitted, report, faces, tiny):
    model = keras.models.load_model(fitted / "detector.keras")
    paths = sorted((faces / "val").rglob("*.jpg"))
    images = prepared(paths, tiny)

    auc = keras.metrics.AUC()  # the estimate that training went by
    auc.update_state([path.parent.name == "fake" for path in paths], model.predict(images, verbose=0)[:, 0])

    assert max(report["history"]["val_auc"]) == pytest.approx(float(auc.result()), abs=2e-3)


def test_the_report_tells_how_it_came_about(report, tiny):
    assert report["preset"] == dataclasses.asdict(tiny)
    assert report["seed"] == 1
    assert report["class_names"] == ["real", "fake"]
    assert report["images"]["train"] == {"real": 100, "fake": 100}
    assert len(report["history"]["loss"]) == tiny.epochs
    assert report["versions"].keys() == {"python", "keras", "numpy", "tensorflow"}
    assert report["seconds"] > 0


def test_the_export_finds_the_report_to_be_this_detectors(fitted, report):
    found = load_detector(fitted / "detector.keras").report

    assert found.classes == ("real", "fake")
    assert found.metrics == report["test"]


def test_a_detector_is_not_overwritten_unasked(fitted, faces, tiny):
    before = (fitted / "detector.keras").read_bytes()

    with pytest.raises(OutputError, match=f"{fitted} has a detector.keras already.* --overwrite"):
        fit(faces, fitted, tiny, seed=1)

    assert (fitted / "detector.keras").read_bytes() == before


def test_an_output_that_is_a_file_is_refused_before_training(tmp_path, tiny):
    (tmp_path / "out").write_text("")

    with pytest.raises(OutputError, match="is no folder that takes files"):
        fit(tmp_path / "no data", tmp_path / "out", tiny, seed=1)


def test_failing_leaves_no_output(tmp_path, tiny):
    with pytest.raises(ImageFolderError):
        fit(tmp_path / "no data", tmp_path / "out", tiny, seed=1)

    assert list(tmp_path.iterdir()) == []
