import shutil
from pathlib import Path

import pytest

from ace_training.errors import ImageFolderError, LeakageError
from ace_training.leakage import audited


@pytest.fixture
def leaking(few_faces, tmp_path) -> Path:
    """A set with one of its training images among the test images."""
    data = shutil.copytree(few_faces, tmp_path / "faces")
    image = min((data / "train" / "real").iterdir())
    shutil.copy(image, data / "test" / "real" / image.name)
    return data


def test_a_clean_set_passes(few_faces):
    found = audited(few_faces, leakage_allowed=False)

    assert found["allowed"] is False
    assert sum(found["counts"].values()) == 0


def test_leakage_is_refused_with_the_way_to_see_it_and_the_way_on(leaking):
    with pytest.raises(LeakageError, match=rf"1 by near-duplicate.*audit {leaking}.*--allow-leakage"):
        audited(leaking, leakage_allowed=False)


def test_allowed_leakage_is_reported(leaking):
    found = audited(leaking, leakage_allowed=True)

    assert found["allowed"] is True
    assert found["counts"]["video"] == 1


def test_a_file_that_is_no_image_is_named(few_faces, tmp_path):
    data = shutil.copytree(few_faces, tmp_path / "faces")
    for name in ("a.jpg", "b.jpg"):
        (data / "val" / "real" / name).write_text("no image")

    with pytest.raises(ImageFolderError, match=r"val/real/a.jpg is no image that can be read, nor are 1 others\."):
        audited(data, leakage_allowed=True)
