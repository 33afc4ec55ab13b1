"""One training to its end, and the same one interrupted, killed and finished: few processes, for each takes long."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.metrics import roc_auc_score

from ace_export import pixels
from ace_export.detector import load_detector
from ace_training.config_file import as_dict, read_config
from ace_training.errors import ImageFolderError, OutputError
from ace_training.face_set import FaceSetPlan, write_face_set
from ace_training.fitting import FitOptions, fit
from ace_training.manifest import images_digest, read_manifest

pytestmark = pytest.mark.slow

EPOCHS = 3  # smoke's
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}  # as a person has it
STREAMS = {"capture_output": True, "text": True, "check": False, "env": ENVIRONMENT}
FILES = ["config.toml", "detector.keras", "history.csv", "logs", "report.json"]


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """A set of several batches."""
    return write_face_set(tmp_path_factory.mktemp("set") / "faces", FaceSetPlan(train=48, val=8, test=8, seed=3))


def command(data: Path, out: Path) -> list[str]:
    return [sys.executable, "-m", "ace_training", "fit", str(data), str(out), "--config", "smoke"]


@pytest.fixture(scope="module")
def fitted(data, tmp_path_factory) -> subprocess.CompletedProcess:
    """The smoke config to its end, over a detector that was there; `cwd` is the folder that it was written to."""
    out = tmp_path_factory.mktemp("fit")
    (out / "detector.keras").write_text("old")
    done = subprocess.run([*command(data, out), "--overwrite"], **STREAMS)
    done.cwd = out
    return done


@pytest.fixture(scope="module")
def out(fitted) -> Path:
    assert fitted.returncode == 0, fitted.stderr
    return fitted.cwd


@pytest.fixture(scope="module")
def report(out) -> dict:
    return json.loads((out / "report.json").read_text())


def stopped(data: Path, out: Path, *, epoch: int, by: signal.Signals) -> tuple[int, str]:
    """The status and stderr of the training, which got the signal amid the epoch."""
    log = out.with_suffix(".log")
    streams = {"stdout": subprocess.DEVNULL, "env": ENVIRONMENT}
    with log.open("w") as stderr, subprocess.Popen(command(data, out), stderr=stderr, **streams) as run:
        while f"epoch {epoch}/{EPOCHS}: " not in log.read_text() and run.poll() is None:
            time.sleep(0.01)
        run.send_signal(by)
        return run.wait(timeout=120), log.read_text()


@pytest.fixture(scope="module")
def interrupted(data, tmp_path_factory) -> tuple[int, str, Path]:
    """The same training, interrupted amid epoch 2: its status, its stderr, and a copy of its folder."""
    out = tmp_path_factory.mktemp("interrupted") / "out"
    status, stderr = stopped(data, out, epoch=2, by=signal.SIGINT)
    return status, stderr, out


@pytest.fixture(scope="module")
def resumed(data, interrupted, tmp_path_factory) -> Path:
    """What it came to after it was given again and killed amid epoch 3, and given again."""
    out = tmp_path_factory.mktemp("resumed") / "out"
    shutil.copytree(interrupted[2], out)
    status, stderr = stopped(data, out, epoch=3, by=signal.SIGKILL)
    assert status == -signal.SIGKILL, stderr
    assert "epoch 1/" not in stderr
    done = subprocess.run(command(data, out), **STREAMS)
    assert done.returncode == 0, done.stderr
    assert "epoch 2/" not in done.stderr
    return out


def test_prints_the_detectors_path_and_progress_elsewhere(fitted, out):
    assert fitted.stdout == f"{out}/detector.keras\n"
    assert re.search(r"epoch 1/3: 100% 48/48 +[\d.]+image/s, loss \d\.\d+, auc \d\.\d+, val_loss", fitted.stderr)
    assert re.search(r"epoch \d/3: \d+% \d+/48 .*, \d\d:\d\d left", fitted.stderr)
    assert "cuda" not in fitted.stderr.lower()


def test_writes_the_detector_over_an_old_one_with_what_belongs_to_it_and_nothing_else(out):
    assert sorted(path.name for path in out.iterdir()) == FILES
    assert (out / "detector.keras").read_bytes() != b"old"


def prob_fake_of(out: Path, images: Path) -> tuple[np.ndarray, np.ndarray]:
    """What the saved detector says of the images, and what they are."""
    paths = sorted(images.rglob("*.jpg"))
    prepared = np.stack([pixels.scale(pixels.resize(pixels.decode(path.read_bytes()), (71, 71))) for path in paths])
    prob_fake = keras.models.load_model(out / "detector.keras").predict(prepared, verbose=0)[:, 0]
    return prob_fake, np.array([path.parent.name == "fake" for path in paths])


def test_the_saved_detector_has_the_reported_test_figures(out, report, data):
    prob_fake, truth = prob_fake_of(out, data / "test")

    assert prob_fake.dtype == np.float32
    assert report["test"]["auc"] == pytest.approx(roc_auc_score(truth, prob_fake), abs=1e-3)
    assert report["test"]["accuracy"] == pytest.approx(np.mean((prob_fake >= 0.5) == truth), abs=4e-3)
    assert np.sum(report["test"]["confusion_matrix"], 1).tolist() == [4, 4]


def test_the_epoch_with_the_best_validation_auc_is_kept(out, report, data):
    prob_fake, truth = prob_fake_of(out, data / "val")

    auc = keras.metrics.AUC()  # the estimate that training went by
    auc.update_state(truth, prob_fake)

    best = max(report["history"]["val_auc"])
    assert best == pytest.approx(float(auc.result()), abs=2e-3)
    assert report["best_epoch"] == report["history"]["val_auc"].index(best) + 1


def test_the_report_tells_how_it_came_about(report, out, data):
    assert report["config"] == as_dict(read_config("smoke"))
    assert read_config(str(out / "config.toml")) == read_config("smoke")
    assert report["seed"] == 7
    assert report["class_names"] == ["real", "fake"]
    assert report["images"]["train"] == {"real": 24, "fake": 24}
    assert report["leakage"]["allowed"] is False
    assert report["images_digest"] == images_digest(data, read_manifest(data))
    assert report["interrupted"] is False
    assert report["computed_on"]["mixed_precision"] == "off"
    assert len(report["history"]["loss"]) == EPOCHS
    assert report["versions"].keys() == {"python", "keras", "numpy", "tensorflow"}
    assert report["seconds"] > 0


def test_the_export_finds_the_report_to_be_this_detectors(out, report):
    found = load_detector(out / "detector.keras").report

    assert found.classes == ("real", "fake")
    assert found.metrics == report["test"]


def test_tensorboard_has_every_epoch(out):
    (events,) = (out / "logs" / "validation").iterdir()

    assert max(event.step for event in tf.compat.v1.train.summary_iterator(str(events))) == EPOCHS - 1


def test_an_interrupt_leaves_the_best_model_so_far_and_says_so(interrupted, data):
    status, stderr, out = interrupted

    assert status == 130
    assert stderr.splitlines()[-1] == (
        f"ace-training: interrupted after epoch 1 of 3; {out}/detector.keras is the best so far, of epoch 1. "
        "The same command goes on."
    )
    assert "Traceback" not in stderr
    assert json.loads((out / "report.json").read_text())["interrupted"] is True
    assert len(prob_fake_of(out, data / "test")[0]) == 8


def test_interrupted_and_killed_a_training_comes_to_the_same_as_in_one_go(resumed, out, report, data):
    assert (resumed / "history.csv").read_text() == (out / "history.csv").read_text()
    again = json.loads((resumed / "report.json").read_text())
    assert again["history"] == report["history"]
    assert again["test"] == report["test"]
    assert np.array_equal(prob_fake_of(resumed, data / "test"), prob_fake_of(out, data / "test"))
    assert sorted(path.name for path in resumed.iterdir()) == FILES


def test_a_detector_is_not_overwritten_unasked(out, data):
    before = (out / "detector.keras").read_bytes()

    with pytest.raises(OutputError, match=f"{out} has a detector.keras already.* --overwrite"):
        fit(data, out, read_config("smoke"))

    assert (out / "detector.keras").read_bytes() == before


def test_another_trainings_checkpoint_is_not_gone_on_from(interrupted, data):
    with pytest.raises(OutputError, match=r"with other config.optimisation.epochs\. Give its own command to go on"):
        fit(data, interrupted[2], read_config("smoke", {"optimisation.epochs": 9}))


def test_an_output_that_is_a_file_is_refused_before_training(data, tmp_path):
    (tmp_path / "out").write_text("")

    with pytest.raises(OutputError, match="is no folder that takes files"):
        fit(data, tmp_path / "out", read_config("smoke"), FitOptions(overwrite=True))


def test_failing_leaves_no_output(tmp_path):
    with pytest.raises(ImageFolderError):
        fit(tmp_path / "no data", tmp_path / "out", read_config("smoke"))

    assert list(tmp_path.iterdir()) == []


def test_the_full_network_trains_its_head_and_then_all_of_it(tmp_path):
    faces = write_face_set(tmp_path / "faces", FaceSetPlan(train=4, val=2, test=2, seed=3))
    weights = tmp_path / "weights.h5"
    keras.applications.Xception(include_top=False, weights=None).save(weights)  # in the format of the published file
    small = {"optimisation.batch_images": 2, "optimisation.epochs": 2, "optimisation.head_epochs": 1}
    config = read_config("xception", small | {"model.weights": str(weights)})

    fit(faces, tmp_path / "out", replace(config, data=replace(config.data, self_blended_share=0.0)))

    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["parameters"] == 20_863_529
    assert len(report["history"]["loss"]) == 2
    assert keras.models.load_model(tmp_path / "out" / "detector.keras").input_shape == (None, 299, 299, 3)
