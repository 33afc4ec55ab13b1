import cv2
import numpy as np
import pytest

from ace_export import golden
from ace_training.evaluation.degradations import DEGRADATIONS
from ace_training.evaluation.robustness import spread
from ace_training.manifest import ManifestEntry

KINDS = {kind.name: kind for kind in DEGRADATIONS}


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return golden.scene(np.random.default_rng(1), 65, 80)


def degraded(name: str, image: np.ndarray, strength: float) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(KINDS[name].apply(image, strength), np.uint8), cv2.IMREAD_COLOR)


@pytest.mark.parametrize(("name", "strength"), [("Scale", 1), ("Blur", 0), ("Noise", 0), ("Brightness", 1)])
def test_no_degradation_leaves_the_pixels(image, name, strength):
    assert strength in KINDS[name].strengths
    assert (degraded(name, image, strength) == image).all()


@pytest.mark.parametrize("name", ["JPEG", "Blur", "Noise"])
def test_a_stronger_degradation_is_further_from_the_image(image, name):
    distances = [np.abs(degraded(name, image, each) - image.astype(float)).mean() for each in KINDS[name].strengths]

    assert distances == sorted(distances)
    assert distances[-1] > distances[0] + 1


def test_scaling_makes_a_smaller_image(image):
    assert degraded("Scale", image, 0.25).shape == (16, 20, 3)


def test_a_second_jpeg_is_cut_across_the_blocks_of_the_first(image):
    once = degraded("JPEG", image, 90)
    again = cv2.imencode(".jpg", once[4:, 4:], [cv2.IMWRITE_JPEG_QUALITY, 40])[1]

    assert KINDS["Double JPEG"].apply(image, 40) == again.tobytes()


def test_the_same_image_gets_the_same_noise(image):
    assert KINDS["Noise"].apply(image, 6) == KINDS["Noise"].apply(image, 6)


def test_the_images_to_degrade_are_spread_over_both_classes():
    entries = [
        ManifestEntry(file=f"{label}/{number}", split="test", label=label, video=str(number), identity="")
        for label in ("real", "fake")
        for number in range(101)
    ]

    chosen = [entry.file for entry in spread(entries, 6)]

    assert chosen == ["real/0", "real/50", "real/100", "fake/0", "fake/50", "fake/100"]
    assert len(spread(entries, 400)) == 202
    assert spread(entries, 0) == []
