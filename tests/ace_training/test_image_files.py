import re
from pathlib import Path

import pytest

from ace_training.errors import ImageFolderError
from ace_training.image_files import find_images


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for split in ("train", "val", "test"):
        for label in ("real", "fake"):
            (tmp_path / split / label / "video").mkdir(parents=True)
            for name in ("1.jpg", "2.PNG", "notes.txt"):
                (tmp_path / split / label / "video" / name).write_bytes(b"")
    return tmp_path


def test_finds_images_at_any_depth_and_nothing_else(data):
    found = find_images(data, seed=0)

    assert list(found) == ["train", "val", "test"]
    assert {path.name for path in found["val"].paths} == {"1.jpg", "2.PNG"}
    assert found["val"].counts() == {"real": 2, "fake": 2}


def test_real_is_0_and_fake_is_1(data):
    files = find_images(data, seed=0)["train"]

    assert [path.parent.parent.name for path in files.paths] == [["real", "fake"][label] for label in files.labels]


def test_the_order_is_the_seeds(few_faces):
    one, same, other = (find_images(few_faces, seed=seed)["train"].paths for seed in (0, 0, 1))

    assert one == same
    assert one != other
    assert set(one) == set(other)


def test_a_missing_data_folder_is_named(tmp_path):
    with pytest.raises(ImageFolderError, match=re.escape(f"{tmp_path / 'none'} is not a folder. Pass the folder")):
        find_images(tmp_path / "none", seed=0)


def test_a_missing_split_is_named(data):
    (data / "val").rename(data / "validation")

    with pytest.raises(ImageFolderError, match=re.escape(f"{data / 'val' / 'real'} is not a folder")):
        find_images(data, seed=0)


def test_a_class_without_images_is_named(data):
    for path in (data / "test" / "fake" / "video").glob("[12].*"):
        path.unlink()

    with pytest.raises(ImageFolderError, match=re.escape(f"{data / 'test' / 'fake'} holds no images")):
        find_images(data, seed=0)
