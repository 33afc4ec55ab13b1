from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from ace_export import golden, parity
from ace_export.detector import Detector, load_detector
from ace_export.errors import ParityError
from ace_export.exporter import export
from ace_export.golden import GoldenImage


def test_the_exported_graph_answers_like_opencv_and_keras(version: Path, detector: Detector):
    deltas = parity.check(version, detector, golden.draw())

    assert len(deltas) == sum(image.readable for image in golden.draw()) == 33
    assert max(deltas.values()) <= 1e-3


def test_golden_answers_differ_so_that_a_mix_up_would_show(detector: Detector):
    answers = parity.reference(detector, [image for image in golden.draw() if image.readable])

    assert max(answers.values()) - min(answers.values()) > 0.1


def test_golden_images_are_the_same_at_every_export():
    assert golden.draw() == golden.draw()


def test_refuses_a_graph_of_other_weights(version: Path, detector: Detector):
    network = keras.models.clone_model(detector.network)
    network.set_weights([weights * 1.1 for weights in detector.network.get_weights()])

    with pytest.raises(ParityError, match=r"golden image '.*' the exported graph answers 0\.\d+ and Keras 0\.\d+"):
        parity.check(version, replace(detector, network=network), golden.draw())


def test_refuses_differences_above_the_tolerance(version: Path, detector: Detector):
    with pytest.raises(ParityError, match="more than 0 apart"):
        parity.check(version, detector, golden.draw(), tolerance=0)


def test_refuses_an_answer_to_what_should_be_refused(version: Path, detector: Detector):
    png = next(image for image in golden.draw() if image.name == "png")

    with pytest.raises(ParityError, match="to the golden image 'broken', which cannot be read"):
        parity.check(version, detector, [png, GoldenImage("broken", png.data, readable=False)])


def test_nothing_is_published_of_a_model_with_nan_weights(detector_file: Path, tmp_path: Path):
    model = load_detector(detector_file).network
    model.set_weights([np.full_like(weights, np.nan) for weights in model.get_weights()])
    model.save(tmp_path / "nan.keras")

    with pytest.raises(ParityError, match="Nothing was published"):
        export(tmp_path / "nan.keras", tmp_path / "models")

    assert list((tmp_path / "models").iterdir()) == []
