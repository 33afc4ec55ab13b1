import csv
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from ace_training.__main__ import main
from ace_training.audit import audit
from ace_training.errors import FaceDetectorError, OutputError, SourceError
from ace_training.manifest import read_manifest
from ace_training.prepare import CropSettings, prepare
from ace_training.sources import Source, find_in_tree
from ace_training.splitting import split_officially


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def prepare_again(videos: Path, out: Path, settings: CropSettings = CropSettings(frames=2)) -> Path:  # noqa: B008
    sources = find_in_tree(videos, "c23")
    return prepare(out, sources, split_officially(sources, videos / "splits"), settings, processes=1)


def test_crops_are_laid_out_by_split_class_and_manipulation(prepared):
    assert sorted(path.relative_to(prepared).as_posix() for path in (prepared / "val").rglob("*.jpg")) == [
        f"val/{video}_{frame}.jpg"
        for video in (
            "fake/Deepfakes/002_003",
            "fake/Deepfakes/003_002",
            "fake/Face2Face/002_003",
            "fake/Face2Face/003_002",
            "real/youtube/002",
            "real/youtube/003",
        )
        for frame in ("0001", "0003")
    ]
    assert sorted(path.name for path in prepared.iterdir()) == [
        "manifest.csv", "prepare.json", "prepare.png", "skipped.csv", "test", "train", "val"]  # fmt: skip


def test_the_manifest_says_what_each_crop_is(prepared):
    entries = {entry.file: entry for entry in read_manifest(prepared)}

    assert set(entries) == {path.relative_to(prepared).as_posix() for path in prepared.rglob("*.jpg")}
    entry = entries["train/fake/Face2Face/001_000_0003.jpg"]
    assert (entry.split, entry.label, entry.video) == ("train", "fake", "fake/Face2Face/001_000")
    assert (entry.identity, entry.donor, entry.manipulation) == ("001", "000", "Face2Face")
    assert (entry.compression, entry.frame) == ("c23", 3)


def test_a_crop_is_the_face_with_its_margin(prepared):
    for entry in read_manifest(prepared):
        _, _, width, height = map(int, entry.box.split())
        assert cv2.imread(str(prepared / entry.file)).shape[:2] == (round(1.3 * width), round(1.3 * height))


def test_what_is_prepared_leaks_nothing(prepared):
    assert audit(prepared).leaks == ()


def test_the_same_command_does_nothing_once_all_is_done(videos, prepared, tmp_path):
    out = shutil.copytree(prepared, tmp_path / "set")
    times = {path: path.stat().st_mtime_ns for path in out.rglob("*")}

    prepare_again(videos, out)

    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == times


def test_killed_at_any_moment_it_goes_on_after_what_is_done_and_the_result_is_the_same(videos, prepared, tmp_path):
    source = shutil.copytree(videos, tmp_path / "videos")
    command = [sys.executable, "-m", "ace_training", "prepare", str(source), str(tmp_path / "set"), "--frames=2"]
    records = tmp_path / "set" / ".prepare"
    for at_least in (2, 6):
        with subprocess.Popen([*command, "--processes=1"], stderr=subprocess.DEVNULL) as process:
            while len(list(records.glob("0*.json"))) < at_least and process.poll() is None:
                time.sleep(0.005)
            process.send_signal(signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL
    sources = find_in_tree(source, "c23")
    done = [sources[int(record.stem)].files[0] for record in records.glob("0*.json")]
    assert 6 <= len(done) < len(sources)
    for file in done:  # of the same length, but nothing that could be decoded
        file.write_bytes(bytes(file.stat().st_size))

    finished = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (finished.returncode, finished.stdout) == (0, f"{tmp_path}/set\n"), finished.stderr
    assert f"{len(done)}/{len(sources)}" in finished.stderr
    assert contents(tmp_path / "set") == contents(prepared)


def test_an_interrupt_says_how_to_go_on(videos, tmp_path):
    command = [sys.executable, "-m", "ace_training", "prepare", str(videos), str(tmp_path / "set"), "--processes=1"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        while not any(tmp_path.rglob("*.jpg")) and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)

    assert process.returncode == 130
    assert errors.endswith(f"ace-training: interrupted; the same command goes on with {tmp_path}/set\n")
    assert "Traceback" not in errors


def test_other_settings_or_videos_than_it_was_begun_with_are_refused(videos, prepared, tmp_path):
    out = shutil.copytree(prepared, tmp_path / "set")

    with pytest.raises(OutputError, match=re.escape("was prepared with other margin: 1.3 instead of 2")):
        prepare_again(videos, out, CropSettings(frames=2, margin=2))

    source = shutil.copytree(videos, tmp_path / "videos")
    with next(source.rglob("*.mp4")).open("ab") as stream:
        stream.write(b"more")
    with pytest.raises(OutputError, match="was prepared with other videos_sha256"):
        prepare_again(source, out)


def test_a_folder_in_use_is_left_alone(videos, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")

    with pytest.raises(OutputError, match="is already in use"):
        prepare_again(videos, tmp_path)

    assert contents(tmp_path) == {"mine.txt": b"mine"}


@pytest.fixture
def faces_in_folders(few_faces: Path, tmp_path: Path) -> Path:
    """Drawn images as a folder of real/ and fake/, each file named by person."""
    for label in ("real", "fake"):
        (tmp_path / "source" / label).mkdir(parents=True)
        for file in few_faces.glob(f"*/{label}/*.jpg"):
            shutil.copy(file, tmp_path / "source" / label / file.name)
    return tmp_path / "source"


PEOPLE = r"/(?P<video>(?P<identity>id\d+)(_(?P<donor>id\d+))?.*)\.jpg"


def test_images_are_split_by_the_people_that_an_expression_finds(faces_in_folders, tmp_path, capsys):
    out = tmp_path / "set"

    assert main(["prepare", str(faces_in_folders), str(out), "--people", PEOPLE, "--whole"]) == 0

    assert capsys.readouterr().out == f"{out}\n"
    entries = read_manifest(out)
    assert len(entries) == 20
    assert all(entry.box == "" for entry in entries)
    assert audit(out).leaks == ()


def test_what_has_no_face_or_cannot_be_read_is_listed_and_left_out(videos, prepared, tmp_path):
    source = shutil.copytree(videos, tmp_path / "videos")
    fakes = source / "manipulated_sequences/Deepfakes/c23/videos"
    cut = fakes / "000_001.mp4"
    cut.write_bytes(cut.read_bytes()[:3000])
    (fakes / "003_002.mp4").write_bytes(b"")
    writer = cv2.VideoWriter(str(fakes / "004_005.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 25, (64, 64))
    writer.write(np.zeros((64, 64, 3), np.uint8))
    writer.release()

    done = subprocess.run(
        [sys.executable, "-m", "ace_training", "prepare", source, tmp_path / "set", "--frames=2"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    with (tmp_path / "set" / "skipped.csv").open() as stream:
        reasons = {row["video"]: row["reason"] for row in csv.DictReader(stream)}
    assert reasons == {
        "fake/Deepfakes/000_001": "it is no video, or is cut off",
        "fake/Deepfakes/003_002": "the file is empty",
        "fake/Deepfakes/004_005": "no face found in 1 frames",
    }
    assert "left out fake/Deepfakes/003_002: the file is empty" in done.stderr
    assert "18 videos, 30 crops; 3 videos left out" in done.stderr
    assert json.loads((tmp_path / "set" / "prepare.json").read_text())["skipped"] == 3
    assert {entry.file for entry in read_manifest(tmp_path / "set")} < {entry.file for entry in read_manifest(prepared)}


def test_a_class_that_is_left_out_of_a_split_is_an_error(tmp_path):
    sources = []
    for split in ("train", "val", "test"):
        for label in ("real", "fake"):
            file = tmp_path / f"{split}_{label}.png"
            cv2.imwrite(str(file), np.zeros((8, 8, 3), np.uint8))
            sources.append(Source(label=label, name=file.stem, files=(file,), numbers=(0,), identity=file.stem))
    sources[3].files[0].write_text("no image")
    split_of = {source.video: source.name.partition("_")[0] for source in sources}

    with pytest.raises(SourceError, match="val has no fake crops: every such video was left out"):
        prepare(tmp_path / "set", sources, split_of, CropSettings(whole=True), processes=1)

    assert "val_fake.png is no image" in (tmp_path / "set" / "skipped.csv").read_text()


def test_weights_that_are_none_are_refused_before_anything_is_written(videos, tmp_path):
    (tmp_path / "bad.onnx").write_text("bad")

    with pytest.raises(FaceDetectorError, match=r"bad\.onnx is no face detector"):
        prepare_again(videos, tmp_path / "set", CropSettings(detector_weights=tmp_path / "bad.onnx"))

    assert not (tmp_path / "set").exists()


@pytest.mark.parametrize("flags", [{"frames": 0}, {"margin": 0.5}])
def test_settings_that_cut_nothing_are_refused(flags):
    with pytest.raises(SourceError, match="pass --frames from 1 up and --margin"):
        CropSettings(**flags)


@pytest.mark.parametrize(
    "arguments", [["out"], ["source", "out", "--real", "a", "--fake", "b"], ["out", "--real", "a"]]
)
def test_one_kind_of_source_is_passed(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["prepare", *arguments])

    assert ended.value.code == 2
    assert "pass either SOURCE or both --real and --fake" in capsys.readouterr().err


def test_splits_are_made_by_people_where_asked(videos, tmp_path, capsys):
    (tmp_path / "splits").mkdir()
    source = str(videos)

    assert main(["prepare", source, str(tmp_path / "set"), "--splits", str(tmp_path / "splits")]) == 1
    assert "train.json does not exist" in capsys.readouterr().err
    assert main(["prepare", source, str(tmp_path / "set"), "--splits=none", "--frames=1"]) == 0
    assert audit(tmp_path / "set").leaks == ()
