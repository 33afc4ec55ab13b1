import dataclasses
import json
import shutil
from pathlib import Path

import cv2
import pytest

from ace_training.__main__ import main
from ace_training.audit import audit
from ace_training.errors import ImageFolderError
from ace_training.manifest import read_manifest, write_manifest


@pytest.fixture
def data(few_faces: Path, tmp_path: Path) -> Path:
    return shutil.copytree(few_faces, tmp_path / "faces")


def add(data: Path, file: str, **changed: str) -> None:
    """A line of the manifest for a file that is there: that of the first test image, but for what is changed."""
    entries = read_manifest(data)
    like = next(entry for entry in entries if entry.file.startswith("test/real"))
    write_manifest(data, [*entries, dataclasses.replace(like, **{"file": file, "video": file} | changed)])


def test_a_drawn_set_leaks_nothing(few_faces):
    found = audit(few_faces)

    assert found.leaks == ()
    assert found.summary["unreadable"] == []


def test_the_summary_counts_images_videos_and_people(few_faces):
    summary = audit(few_faces).summary

    assert summary["images"] == 20
    assert summary["splits"]["train"] == {
        "real": {"images": 4, "videos": 2},
        "fake": {"images": 4, "videos": len({path.stem[:-3] for path in few_faces.glob("train/fake/*")})},
        "identities": 2,
    }
    assert 160 <= summary["width_px"]["least"] <= summary["width_px"]["median"] <= summary["width_px"]["largest"] <= 400


def test_a_picture_in_another_split_under_another_name_size_and_quality_is_found(data):
    original = next((data / "train" / "real").glob("*.jpg"))
    image = cv2.imread(str(original))
    copy = data / "test" / "real" / "other.jpg"
    cv2.imwrite(str(copy), cv2.resize(image, None, fx=0.6, fy=0.6), [cv2.IMWRITE_JPEG_QUALITY, 60])
    add(data, "test/real/other.jpg")

    (leak,) = audit(data).leaks

    assert (leak.kind, leak.splits) == ("near-duplicate", ("train", "test"))
    assert leak.files == (original.relative_to(data).as_posix(), "test/real/other.jpg")
    assert leak.bits is not None


def test_a_person_in_two_splits_is_found(data):
    cv2.imwrite(str(data / "test" / "real" / "new.png"), cv2.imread(str(data / "faces.png")))
    add(data, "test/real/new.png", identity="id0000")

    (leak,) = audit(data).leaks

    assert (leak.kind, leak.name, leak.splits) == ("identity", "id0000", ("train", "test"))
    assert leak.files[1] == "test/real/new.png"


def test_a_donor_in_another_split_is_found(data):
    entries = read_manifest(data)
    fake = next(entry for entry in entries if entry.file.startswith("val/fake"))
    write_manifest(data, [dataclasses.replace(entry, donor="id0000") if entry == fake else entry for entry in entries])

    assert {(leak.kind, leak.name, leak.splits) for leak in audit(data).leaks} == {
        ("identity", "id0000", ("train", "val"))
    }


def test_a_video_in_two_splits_is_found_without_a_manifest_too(data):
    (data / "manifest.csv").unlink()
    moved = data / "train" / "real" / "id0000_02.jpg"
    moved.rename(data / "val" / "real" / moved.name)

    assert [(leak.kind, leak.name) for leak in audit(data).leaks] == [("video", "real/id0000"), ("identity", "id0000")]


def test_files_that_cannot_be_read_to_their_end_are_listed(data):
    names = ["bad.jpg", "cut.jpg", "empty.jpg"]
    whole = next((data / "test" / "real").glob("*.jpg")).read_bytes()
    for name, content in zip(names, (b"no image", whole[: len(whole) // 2], b""), strict=True):
        (data / "test" / "real" / name).write_bytes(content)
        add(data, f"test/real/{name}")

    found = audit(data)

    assert found.summary["unreadable"] == [f"test/real/{name}" for name in names]
    assert found.leaks == ()


def test_a_folder_without_images_is_an_error(tmp_path):
    with pytest.raises(ImageFolderError, match=r"holds no images\. Pass the folder"):
        audit(tmp_path)


def test_a_clean_set_ends_with_status_0_its_table_and_its_json(data, capsys, tmp_path):
    assert main(["audit", str(data), "--out", str(tmp_path / "out")]) == 0

    fakes = audit(data).summary["splits"]["train"]["fake"]["videos"]
    table = capsys.readouterr().out.splitlines()
    assert table[0].split() == ["real", "images", "videos", "fake", "images", "videos", "people"]
    assert table[1].split() == ["train", "4", "2", "4", str(fakes), "2"]
    assert table[-2].startswith("nothing is in two splits")
    assert table[-1] == f"{tmp_path}/out/audit.json"
    assert json.loads((tmp_path / "out" / "audit.json").read_text()) == audit(data).summary
    assert not (tmp_path / "out" / "leaks.png").exists()


def test_a_leak_ends_with_status_1_and_its_pair_as_text_and_picture(data, capsys):
    shutil.copy(data / "train" / "fake" / "id0000_id0000_01.jpg", data / "val" / "fake" / "twin.jpg")
    add(data, "val/fake/twin.jpg", split="val", label="fake", identity="id0002", donor="id0002")

    assert main(["audit", str(data)]) == 1

    output, errors = capsys.readouterr()
    assert "near-duplicate train × val  0 bits: train/fake/id0000_id0000_01.jpg  val/fake/twin.jpg" in output
    assert f"{data} leaks between its splits, 1 time" in errors
    (left, right) = (cv2.imread(str(data / "audit" / "leaks.png"))[3:157, x : x + 154] for x in (3, 163))
    assert (left == right).all()
    assert left.std() > 10


def test_a_folder_that_cannot_be_written_is_named_with_what_to_pass(data, capsys):
    (data / "audit").write_text("a file")

    assert main(["audit", str(data)]) == 1
    assert f"{data}/audit cannot be written" in capsys.readouterr().err
