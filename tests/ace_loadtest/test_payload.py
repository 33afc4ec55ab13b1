import pytest

from ace_loadtest.errors import NoImages
from ace_loadtest.payload import MAX_IMAGES, read_images


def test_images_are_found_in_folders_below_in_the_order_of_their_paths(tmp_path):
    for name in ("b/2.PNG", "a/1.jpg", "notes.txt", "c.webp"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(name)

    assert read_images(tmp_path) == [b"a/1.jpg", b"b/2.PNG", b"c.webp"]


def test_many_images_are_thinned_evenly(tmp_path):
    for number in range(MAX_IMAGES + 1):
        (tmp_path / f"{number:04}.jpg").write_text(str(number))

    assert read_images(tmp_path) == [str(number).encode() for number in range(0, MAX_IMAGES + 1, 2)]


def test_a_folder_that_is_not_there_is_said(tmp_path):
    with pytest.raises(NoImages, match="gone is no folder"):
        read_images(tmp_path / "gone")


def test_a_folder_without_images_is_said(tmp_path):
    (tmp_path / "notes.txt").write_text("no image")

    with pytest.raises(NoImages, match="holds no image"):
        read_images(tmp_path)
