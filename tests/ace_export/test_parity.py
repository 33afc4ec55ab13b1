from dataclasses import replace
from pathlib import Path

import keras
import pytest

from ace_export import golden, parity
from ace_export.detector import Detector
from ace_export.errors import ImagesError, ParityError
from ace_export.golden import GoldenImage


@pytest.fixture(scope="module")
def found(version: Path, detector: Detector) -> parity.Parity:
    return parity.check(version, detector, golden.draw(), tolerance=1e-3)


def test_the_exported_graph_answers_like_opencv_and_keras(found: parity.Parity):
    images = golden.draw()

    assert found.deltas.keys() == {image.name for image in images if image.readable}
    assert max(found.deltas.values()) <= 1e-3
    assert found.answers.keys() == {image.name for image in images}
    assert {name for name, answer in found.answers.items() if answer.error} == found.answers.keys() - found.deltas


def test_golden_answers_differ_so_that_a_mix_up_would_show(detector: Detector):
    answers = parity.reference(detector, [image for image in golden.draw() if image.readable])

    assert max(answers.values()) - min(answers.values()) > 0.1


def test_golden_images_are_the_same_at_every_export():
    assert golden.draw() == golden.draw()


def test_refuses_a_graph_of_other_weights(found: parity.Parity, detector: Detector):
    other = keras.models.clone_model(detector.reference)
    other.set_weights([weights * 1.1 for weights in detector.reference.get_weights()])

    with pytest.raises(ParityError, match=r"On '.*' the exported graph answers 0\.\d+ and Keras 0\.\d+"):
        parity.compare(found.answers, replace(detector, reference=other), golden.draw(), 1e-3)


def test_refuses_differences_above_the_tolerance(found: parity.Parity, detector: Detector):
    with pytest.raises(ParityError, match="more than 0 apart"):
        parity.compare(found.answers, detector, golden.draw(), 0)


def test_refuses_an_answer_to_what_should_be_refused(found: parity.Parity, detector: Detector):
    png = next(image for image in golden.draw() if image.name == "png")

    with pytest.raises(ParityError, match="to the image 'png', which cannot be read"):
        parity.compare(found.answers, detector, [replace(png, readable=False)], 1e-3)


def test_refuses_a_graph_that_refuses_what_opencv_reads(found: parity.Parity, detector: Detector):
    image = GoldenImage("text", b"not an image", readable=True)  # let OpenCV be said to read it

    with pytest.raises(ParityError, match=r"refuses the image 'text' \(not an image .*\), and OpenCV reads it"):
        parity.compare(found.answers, detector, [image], 1e-3)


def test_images_of_a_folder_are_those_that_opencv_reads(tmp_path: Path, faces: list[bytes]):
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "a.JPG").write_bytes(faces[0])
    (tmp_path / "b.png").write_bytes(faces[1])
    (tmp_path / "c.jpg").write_bytes(b"not an image")
    (tmp_path / "d.jpg").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("no image by its name")

    assert parity.images_in(tmp_path) == [GoldenImage("b.png", faces[1]), GoldenImage("below/a.JPG", faces[0])]


@pytest.mark.parametrize("content", [{}, {"notes.txt": b""}, {"a.jpg": b"not an image"}])
def test_a_folder_without_an_image_that_opencv_reads_is_refused(tmp_path: Path, content: dict[str, bytes]):
    for name, data in content.items():
        (tmp_path / name).write_bytes(data)

    with pytest.raises(ImagesError, match="holds no image that OpenCV reads"):
        parity.images_in(tmp_path)
