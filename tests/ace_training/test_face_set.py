import dataclasses
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import pytest

from ace_training.errors import FaceSetError
from ace_training.face_set import IMAGES_PER_IDENTITY, FaceSetPlan, write_face_set
from ace_training.manifest import read_manifest

SMALL = FaceSetPlan(train=4, val=2, test=2, seed=5)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def people(folder: Path) -> set[str]:
    return {name for path in folder.rglob("*.jpg") for name in re.findall(r"id\d+", path.stem)}


def test_a_set_is_laid_out_by_split_and_class_with_half_of_each(faces):
    counts = {
        f"{split}/{label}": len(list((faces / split / label).glob("*.jpg")))
        for split in ("train", "val", "test")
        for label in ("real", "fake")
    }

    assert counts == {
        "train/real": 100,
        "train/fake": 100,
        "val/real": 1,
        "val/fake": 1,
        "test/real": 100,
        "test/fake": 100,
    }
    assert sorted(path.name for path in faces.iterdir()) == [
        "faces.json",
        "faces.png",
        "manifest.csv",
        "test",
        "train",
        "val",
    ]


def test_file_names_carry_the_person_and_the_donor(few_faces):
    assert all(re.fullmatch(r"id\d{4}_\d\d", path.stem) for path in few_faces.glob("*/real/*"))
    assert all(re.fullmatch(r"id\d{4}_id\d{4}_\d\d", path.stem) for path in few_faces.glob("*/fake/*"))


def test_the_manifest_says_what_the_names_do_and_whose_face_a_fake_wears(few_faces, tmp_path):
    entries = read_manifest(few_faces)
    without = shutil.copytree(few_faces, tmp_path / "faces")
    (without / "manifest.csv").unlink()

    named = {entry.file: entry for entry in read_manifest(without)}
    assert {entry.file: dataclasses.replace(entry, manipulation="") for entry in entries} == {
        file: dataclasses.replace(entry, manipulation="") for file, entry in named.items()
    }
    for entry in entries:
        worn = {"": "", entry.identity: "own face"}.get(entry.donor, "another's face")
        assert entry.manipulation == worn


def test_no_person_is_in_two_splits_nor_lends_a_face_to_another(faces):
    train, val, test = (people(faces / split) for split in ("train", "val", "test"))

    assert len(train | val | test) == len(train) + len(val) + len(test)
    assert len(train) == 200 / IMAGES_PER_IDENTITY


def test_some_fakes_wear_their_own_face_and_some_anothers(faces):
    pairs = [re.findall(r"id\d+", path.stem) for path in faces.glob("*/fake/*")]

    assert 0.2 < sum(person == donor for person, donor in pairs) / len(pairs) < 0.9


def test_image_sizes_vary_between_160_and_400_pixels(few_faces):
    sizes = {cv2.imread(str(path)).shape[0] for path in few_faces.rglob("*.jpg")}

    assert len(sizes) > 5
    assert min(sizes) >= 160
    assert max(sizes) <= 400


def test_the_description_tells_seed_counts_and_people(few_faces):
    description = json.loads((few_faces / "faces.json").read_text())

    assert description["seed"] == 3
    assert description["val"] == {"real": 3, "fake": 3, "identities": ["id0002", "id0003"]}


def test_the_same_seed_draws_the_same_set_whatever_the_number_of_processes(tmp_path):
    one = write_face_set(tmp_path / "one", SMALL, processes=1)
    two = write_face_set(tmp_path / "two", SMALL, processes=2)

    assert contents(one) == contents(two)


def test_another_seed_draws_another_set(tmp_path, few_faces):
    other = write_face_set(tmp_path / "other", FaceSetPlan(train=8, val=6, test=6, seed=4), processes=1)

    pictures = {content for name, content in contents(few_faces).items() if name.endswith(".jpg")}
    assert pictures.isdisjoint(contents(other).values())


def test_an_empty_folder_is_written_into(tmp_path):
    (tmp_path / "faces").mkdir()

    write_face_set(tmp_path / "faces", SMALL, processes=1)

    assert (tmp_path / "faces" / "faces.json").exists()


def test_a_folder_in_use_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")

    with pytest.raises(FaceSetError, match=re.escape(f"{tmp_path} is already in use")):
        write_face_set(tmp_path, SMALL)

    assert contents(tmp_path) == {"mine.txt": b"mine"}


def test_a_folder_below_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(FaceSetError, match="cannot be written"):
        write_face_set(tmp_path / "file" / "faces", SMALL)


@pytest.mark.parametrize("count", [-2, 0, 1, 7])
def test_a_count_that_cannot_be_halved_is_refused(count):
    with pytest.raises(FaceSetError, match=f"The val split cannot have {count} images.* --val"):
        FaceSetPlan(train=4, val=count, test=2, seed=0)


def test_an_interrupt_leaves_nothing_and_says_so(tmp_path):
    command = [sys.executable, "-m", "ace_training", "faces", str(tmp_path / "faces")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while not any(tmp_path.rglob("*.jpg")) and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=60)

    assert process.returncode == 130
    assert output == ""
    assert errors.endswith("ace-training: interrupted, and nothing was written\n")
    assert "Traceback" not in errors
    assert list(tmp_path.iterdir()) == []
