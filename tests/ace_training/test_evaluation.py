"""`evaluate` on a real network, a real export of it and a real server."""

import csv
import hashlib
import json
import re
import shutil
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest

from ace_export import golden
from ace_export.exporter import export
from ace_export.report import read_report
from ace_training.__main__ import main
from ace_training.manifest import images_digest, read_manifest

FIT_WROTE = {
    "test": {"auc": 0.6},
    "class_names": ["real", "fake"],
    "history": {"loss": [0.7, 0.6], "val_loss": [0.7, 0.65], "auc": [0.5, 0.6], "val_auc": [0.5, 0.55]},
    "leakage": {"allowed": True, "counts": {"identity": 3, "video": 0}},
}


def write_set(data: Path, *splits: str) -> Path:
    """8 real and 8 fake videos of two frames in each split; fakes are lighter, as a rule."""
    rng = np.random.default_rng(11)
    for split in splits:
        for label, light in (("real", 0.8), ("fake", 1.1)):
            folder = data / split / label
            folder.mkdir(parents=True)
            for video in range(8):
                factor = light + rng.normal(0, 0.15)
                for frame in range(2):
                    image = np.clip(golden.scene(rng, 40, 36) * factor, 0, 255).astype(np.uint8)
                    cv2.imwrite(str(folder / f"{split}{label}{video}_{frame}.jpg"), image)
    return data


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return write_set(tmp_path_factory.mktemp("data"), "val", "test")


@pytest.fixture(scope="module")
def detector(tmp_path_factory, data) -> Path:
    """A network that knows light from dark, and is much too sure of it; beside it what `fit` would have written."""
    keras.utils.set_random_seed(7)
    image = keras.Input((32, 32, 3))
    brightness = keras.layers.Conv2D(4, 3, strides=2, activation="relu", kernel_initializer="ones", name="brightness")
    features = brightness(image)
    logit = keras.layers.Dense(1, name="logit")(keras.layers.GlobalAveragePooling2D()(features))
    network = keras.Model(image, keras.layers.Activation("sigmoid")(logit))
    network.get_layer("brightness").bias.assign([27.0] * 4)  # so that black, which is -1 in 27 places, comes to 0
    network.get_layer("logit").set_weights([np.full((4, 1), 0.5, np.float32), np.float32([-54])])
    path = tmp_path_factory.mktemp("fit") / "detector.keras"
    network.save(path)
    wrote = FIT_WROTE | {
        "detector_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "images_digest": images_digest(data, read_manifest(data)),
    }
    path.with_name("report.json").write_text(json.dumps(wrote))
    return path


def evaluate(model: object, data: Path, out: Path, *flags: str) -> dict:
    """What `evaluation.json` says once the command has ended with status 0."""
    assert main(["evaluate", str(model), str(data), "--out", str(out), *flags]) == 0
    return json.loads((out / "evaluation.json").read_text())


def scores(out: Path) -> dict[str, float]:
    with (out / "scores.csv").open() as stream:
        return {row["file"]: float(row["prob_fake"]) for row in csv.DictReader(stream)}


@pytest.fixture(scope="module")
def out(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("evaluation")


@pytest.fixture(scope="module")
def found(detector, data, out) -> dict:
    """The evaluation of the file, the first of all."""
    return evaluate(detector, data, out, "--robustness=4", "--target-fpr=0.2", f"--cross={data}")


@pytest.fixture(scope="module")
def version(found, detector, tmp_path_factory) -> Path:
    """What is exported after it."""
    return export(detector, tmp_path_factory.mktemp("models") / "detector")


def test_threshold_and_temperature_are_baked_into_the_export(found, version):
    manifest = json.loads((version / "assets.extra" / "manifest.json").read_text())

    assert found["point"]["temperature"] != 1
    assert manifest["threshold"] == found["calibration"]["threshold"] == found["point"]["threshold"]
    assert manifest["temperature"] == found["point"]["temperature"]


@pytest.mark.slow
def test_file_version_and_server_agree(found, version, serve, detector, data, out, tmp_path):
    served = serve(version.parent, "--model_name=detector").address

    of_version = evaluate(version, data, tmp_path / "version", "--robustness=0")
    of_server = evaluate("detector", data, tmp_path / "server", "--robustness=0", "--server", served)

    expected = scores(out)
    assert 0.1 < np.mean(list(expected.values())) < 0.9
    assert scores(tmp_path / "version") == pytest.approx(expected, abs=1e-3)
    assert scores(tmp_path / "server") == pytest.approx(expected, abs=1e-3)
    assert of_version["point"]["threshold"] == found["point"]["threshold"]
    for other in (of_version, of_server):
        assert other["test"]["frames"]["figures"] == pytest.approx(found["test"]["frames"]["figures"], abs=1e-3)
        assert other["calibration"] is None


def test_what_fit_wrote_stays_in_the_report(found, detector):
    report = json.loads(detector.with_name("report.json").read_text())

    assert FIT_WROTE.items() <= report.items()
    assert report["evaluation"]["test"] == found["test"]
    known = read_report(detector, report["detector_sha256"])
    assert (known.threshold, known.temperature) == (found["point"]["threshold"], found["point"]["temperature"])
    assert known.metrics == FIT_WROTE["test"]


@pytest.fixture(scope="module")
def again(found, detector, data, tmp_path_factory) -> tuple[dict, str]:
    """A second evaluation, without another set, and its card."""
    out = tmp_path_factory.mktemp("again")
    card = detector.with_name("MODEL_CARD.md")
    first = card.read_text()
    second = evaluate(detector, data, out, "--robustness=0", "--target-fpr=0.2"), card.read_text()
    card.write_text(first)
    return second


def test_evaluating_again_finds_the_same(found, again):
    assert again[0]["calibration"] == found["calibration"]
    assert again[0]["test"] == found["test"]


def test_of_the_set_that_it_was_trained_on_the_card_says_so(again):
    found, card = again

    assert found["own_set"] is True
    assert "trained in spite of it, 3 by identity" in card
    assert "nobody has looked at" not in card
    assert "The validation videos chose the epoch" in " ".join(found["reservations"])
    assert "the rate is approximate" in card
    assert "Not evaluated on any set but the one it was trained on" in card


def test_both_levels_every_degradation_and_the_other_set_are_there(found, data):
    assert (found["test"]["frames"]["fake"], found["test"]["videos"]["fake"]) == (16, 8)
    assert found["test"]["videos"]["intervals"]["auc"] is not None
    assert found["cross"] == {str(data): found["test"]}
    assert found["robustness_images"] == 4
    assert len(found["robustness"]) == 6
    assert all(len(curve["figures"]["auc"]) == len(curve["strengths"]) for curve in found["robustness"])


def test_the_page_needs_nothing_else(found, out):
    page = (out / "report.html").read_text()

    sources = re.findall(r'src="([^"]{0,20})', page)
    assert len(sources) > 15
    assert all(source.startswith("data:image/") for source in sources)
    assert "http" not in page


def test_every_picture_that_the_text_names_is_there(found, out):
    named = set(re.findall(r"]\((pictures/[^)]+)\)", (out / "report.md").read_text()))

    assert named == {f"pictures/{file.name}" for file in (out / "pictures").iterdir()}
    for kind in (
        "roc",
        "precision-recall",
        "reliability",
        "histogram-videos",
        "robustness-double-jpeg",
        "learning-auc",
    ):
        assert f"pictures/{kind}.svg" in named
    assert {"pictures/mistake-1.jpg", "pictures/grad-cam-1.jpg"} <= named


def test_the_card_beside_the_file_names_it_by_its_hash(found, detector):
    card = detector.with_name("MODEL_CARD.md").read_text()

    assert found["sha256"] in card
    assert f"threshold {found['point']['threshold']:.4g}" in card
    assert "trained in spite of it, 3 by identity" in card


def test_of_another_set_the_card_does_not_tell_what_nobody_checked(detector, data, tmp_path):
    shutil.copy(detector, tmp_path)
    report = json.loads(detector.with_name("report.json").read_text())
    (tmp_path / "report.json").write_text(json.dumps(report | {"images_digest": "of another"}))

    found = evaluate(tmp_path / "detector.keras", data, tmp_path / "out", "--robustness=0")

    card = (tmp_path / "MODEL_CARD.md").read_text()
    assert found["own_set"] is False
    assert "The validation videos chose the epoch" not in card
    assert f"{data} is not the set that the detector was trained on" in card
    assert "Leakage between what it was trained and tested on: no audit is recorded" in card
    assert "Not evaluated on any set but" not in card


def fails(capsys: pytest.CaptureFixture, *arguments: object) -> str:
    """The line that the command ends with, its status being 1."""
    assert main(["evaluate", *map(str, arguments)]) == 1
    return capsys.readouterr().err.splitlines()[-1]


def test_another_detectors_report_is_left_alone(detector, data, tmp_path, capsys):
    shutil.copy(detector, tmp_path)
    (tmp_path / "report.json").write_text('{"detector_sha256": "1234"}')

    assert "the report of another detector" in fails(capsys, tmp_path / "detector.keras", data)
    assert (tmp_path / "report.json").read_text() == '{"detector_sha256": "1234"}'


def test_a_file_without_a_report_gets_one(detector, data, tmp_path):
    shutil.copy(detector, tmp_path)

    found = evaluate(tmp_path / "detector.keras", data, tmp_path / "out", "--robustness=0")

    assert read_report(tmp_path / "detector.keras", found["sha256"]).threshold == found["point"]["threshold"]
    assert found["own_set"] is False
    assert "No report says which images the detector was trained on" in found["reservations"][-1]


def test_a_set_without_validation_images_is_refused(detector, tmp_path, capsys):
    assert "has no val images" in fails(capsys, detector, write_set(tmp_path, "test"))
    assert "has no test images" in fails(capsys, detector, tmp_path / "none")


def test_validation_images_of_one_class_are_refused(detector, data, tmp_path, capsys):
    shutil.copytree(data, tmp_path / "data")
    shutil.rmtree(tmp_path / "data" / "val" / "fake")

    assert "has no images but real ones" in fails(capsys, detector, tmp_path / "data")


def test_a_test_set_of_one_class_is_judged_as_far_as_it_goes(version, data, tmp_path):
    shutil.copytree(data / "test" / "real", tmp_path / "test" / "real")

    found = evaluate(version, tmp_path, tmp_path / "out", "--robustness=2")

    assert found["test"]["frames"]["figures"]["auc"] is None
    assert found["test"]["frames"]["figures"]["true_negative_rate"] is not None
    assert "has no fake images" in found["reservations"][0]


def test_an_image_that_cannot_be_read_is_named(version, data, tmp_path, capsys):
    shutil.copytree(data, tmp_path / "data")
    bad = tmp_path / "data" / "test" / "fake" / "x_1.jpg"
    bad.write_text("no image")

    assert f"{bad} is no image that can be read" in fails(capsys, version, tmp_path / "data")


def test_another_set_without_a_test_split_is_judged_on_all_its_images(version, data, tmp_path):
    other = write_set(tmp_path / "other", "train", "val")

    found = evaluate(version, data, tmp_path / "out", "--robustness=0", f"--cross={other}")

    (table,) = found["cross"].values()
    assert (table["frames"]["real"], table["videos"]["real"]) == (32, 16)


def test_another_set_without_images_is_refused(version, data, tmp_path, capsys):
    assert f"{tmp_path} has no test images" in fails(capsys, version, data, f"--cross={tmp_path}")


def test_what_is_no_detector_is_refused(data, tmp_path, capsys):
    assert "is no file" in fails(capsys, tmp_path / "detector.keras", data)


def test_a_server_that_is_not_there_is_named(data, capsys):
    assert main(["evaluate", "detector", str(data), "--server", "127.0.0.1:9"]) == 1
    assert "127.0.0.1:9 cannot be asked about detector" in capsys.readouterr().err


@pytest.mark.parametrize("flags", [["--target-fpr", "0"], ["--target-fpr", "x"], ["--robustness", "1"]])
def test_wrong_flags_end_with_status_2(flags, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", "m", "d", *flags])

    assert ended.value.code == 2
