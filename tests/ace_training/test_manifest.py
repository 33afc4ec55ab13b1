import dataclasses
import shutil
from pathlib import Path

import pytest

from ace_training.errors import ImageFolderError
from ace_training.manifest import ManifestEntry, images_digest, read_manifest, write_manifest


@pytest.fixture
def data(few_faces: Path, tmp_path: Path) -> Path:
    return shutil.copytree(few_faces, tmp_path / "faces")


def changed(data: Path, **values: object) -> ManifestEntry:
    """Writes the manifest with another line for the first image of the test split, which it returns."""
    entries = read_manifest(data)
    first = next(entry for entry in entries if entry.split == "test")
    line = dataclasses.replace(first, **values)
    write_manifest(data, [line if entry is first else entry for entry in entries])
    return line


def test_an_image_that_the_manifest_does_not_name_is_taken_by_its_own_name(data):
    shutil.copy(next((data / "train" / "real").iterdir()), data / "test" / "real" / "017_0003.jpg")

    (entry,) = [entry for entry in read_manifest(data) if entry.file == "test/real/017_0003.jpg"]

    assert (entry.split, entry.label, entry.frame) == ("test", "real", 3)
    assert (entry.video, entry.identity) == ("real/017", "017")


@pytest.mark.parametrize(
    ("file", "video", "identity", "donor"),
    [
        ("real/alice_01_0000.jpg", "real/alice_01", "alice", ""),
        ("fake/id0_id1_0000_0012.jpg", "fake/id0_id1_0000", "id0", "id1"),
        ("fake/033_097_0012.jpg", "fake/033_097", "033", "097"),
        ("fake/033_0012.jpg", "fake/033", "033", ""),
        ("fake/033.jpg", "fake/033", "033", ""),
    ],
)
def test_without_a_manifest_names_say_who_is_seen_and_of_fakes_whose_face_that_is(
    tmp_path, file, video, identity, donor
):
    path = tmp_path / "train" / file
    path.parent.mkdir(parents=True)
    path.touch()

    (entry,) = read_manifest(tmp_path)

    assert (entry.video, entry.identity, entry.donor) == (video, identity, donor)


@pytest.mark.parametrize("values", [{"split": "val"}, {"label": "real"}])
def test_a_line_that_contradicts_its_files_folder_is_an_error(data, values):
    line = changed(data, **values)

    with pytest.raises(ImageFolderError, match=f"{line.file} is said to be of {line.split}/{line.label}, .* Move"):
        read_manifest(data)


def test_a_line_without_its_file_is_an_error(data):
    changed(data, file="test/fake/none.jpg")

    with pytest.raises(ImageFolderError, match=r"manifest.csv:\d+: .*none.jpg does not exist\. Put it back"):
        read_manifest(data)


@pytest.mark.parametrize("values", [{"split": "holdout"}, {"label": "forged"}, {"frame": "first"}])
def test_a_line_of_other_values_is_an_error(data, values):
    changed(data, **values)

    with pytest.raises(ImageFolderError, match=f"split is one of train, val, test, .* {next(iter(values.values()))!r}"):
        read_manifest(data)


def test_the_digest_is_of_the_images_wherever_the_set_lies(data, few_faces):
    def digest(folder: Path) -> str:
        return images_digest(folder, read_manifest(folder))

    assert digest(data) == digest(few_faces)
    next((data / "test" / "real").iterdir()).write_bytes(b"")
    assert digest(data) != digest(few_faces)


def test_a_table_of_other_columns_is_an_error(data):
    (data / "manifest.csv").write_text("file,split\n")

    with pytest.raises(ImageFolderError, match=r"has the columns \['file', 'split'\]"):
        read_manifest(data)
