import cv2
import numpy as np
import pytest

from ace_training.perceptual_hash import MOST_BITS, Prints, perceptual_hash, same_pictures, thumbnail


def prints(*images: np.ndarray) -> Prints:
    hashes = np.array([perceptual_hash(image) for image in images], np.uint64)
    return Prints(hashes, np.array([thumbnail(image) for image in images], np.float32).reshape(-1, 256))


@pytest.fixture(scope="module")
def faces(few_faces) -> list[np.ndarray]:
    return [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in sorted(few_faces.rglob("*.jpg"))]


def test_half_of_a_hashs_bits_are_set(faces):
    assert {perceptual_hash(face).bit_count() for face in faces} == {32}


def test_different_faces_are_different_pictures(faces):
    assert same_pictures(prints(*faces[:10]), prints(*faces[10:])) == []


@pytest.mark.parametrize("quality", [30, 90])
def test_a_picture_made_smaller_and_encoded_again_is_the_same(faces, quality):
    def copied(face: np.ndarray) -> np.ndarray:
        small = cv2.resize(face, None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA)
        return cv2.imdecode(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_GRAYSCALE)

    found = same_pictures(prints(*map(copied, faces)), prints(*faces))

    assert [(at, to) for at, to, _ in found] == [(at, at) for at in range(len(faces))]
    assert max(bits for _, _, bits in found) <= MOST_BITS


def test_hashes_that_agree_by_chance_are_not_enough(faces):
    some, others = prints(faces[0]), prints(faces[1])

    assert same_pictures(some, Prints(some.hashes, others.thumbnails)) == []


def test_pictures_of_one_grey_can_be_compared():
    grey = np.full((20, 20), 128, np.uint8)

    assert same_pictures(prints(grey), prints(grey)) == []


def test_nothing_is_the_same_as_nothing(faces):
    assert same_pictures(prints(*faces), prints()) == []
    assert same_pictures(prints(), prints(*faces)) == []
