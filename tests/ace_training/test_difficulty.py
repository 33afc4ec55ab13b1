"""The drawn faces cannot be told apart by what has nothing to do with faces."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def coarseness(jpeg: bytes) -> int:
    """The sum of a JPEG's first quantisation table, which falls as its quality rises."""
    at = jpeg.index(b"\xff\xdb")
    return sum(jpeg[at + 5 : at + 69])


def simple_statistics(path: Path) -> list[float]:
    image, jpeg = cv2.imread(str(path)), path.read_bytes()
    return [*image.mean((0, 1)), *image.std((0, 1)), len(jpeg), image.shape[0], coarseness(jpeg)]


def sharpness(path: Path) -> list[float]:
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    return [np.log(cv2.Laplacian(image, cv2.CV_64F).var())]


def auc_of(statistics, faces: Path) -> float:
    """The test AUC of a logistic regression on the statistics of a set's images."""

    def split(name: str) -> tuple[list[list[float]], list[bool]]:
        paths = sorted((faces / name).rglob("*.jpg"))
        return [statistics(path) for path in paths], [path.parent.name == "fake" for path in paths]

    (train_x, train_y), (test_x, test_y) = split("train"), split("test")
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(train_x, train_y)
    return roc_auc_score(test_y, model.decision_function(test_x))


def test_the_jpeg_quality_is_read_from_the_file():
    image = np.zeros((8, 8, 3), np.uint8)
    poor, good = (cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, q])[1].tobytes() for q in (55, 95))

    assert coarseness(poor) > coarseness(good)


@pytest.mark.parametrize(("statistics", "limit"), [(simple_statistics, 0.65), (sharpness, 0.75)])
def test_statistics_of_whole_images_do_not_tell_fakes(faces, statistics, limit):
    assert 1 - limit < auc_of(statistics, faces) < limit
