import contextlib
import json
import resource
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ace_export import golden, pixels
from ace_export.__main__ import main
from ace_export.settings import SCALES


def test_prints_the_path_of_the_published_version_and_progress_elsewhere(
    by_command: tuple[Path, subprocess.CompletedProcess], detector_file: Path
):
    version, done = by_command

    assert done.returncode == 0
    assert done.stdout == f"{version}\n"
    lines = done.stderr.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        f"Reading {detector_file}",
        "Writing the graph",
        f"Checking it against OpenCV and Keras on {len(golden.draw())} images",
        "Largest difference in prob_fake",
        "Writing warm-up requests of 5 signatures, and the manifest",
    ]
    assert lines[1].endswith(
        "encoded images → 96×96 RGB, scaled as xception → sigmoid in float32 → P(fake), fake from 0.5"
    )


@pytest.mark.parametrize(
    ("command", "example"),
    [
        ([], "python -m ace_export runs/fit/detector.keras runs/models/detector"),
        (["verify"], "python -m ace_export verify runs/models/detector/1"),
        (["show"], "python -m ace_export show runs/models/detector/1"),
        (["diff"], "python -m ace_export diff runs/models/detector/1 runs/models/detector/2"),
    ],
)
def test_help_begins_with_a_real_command_and_needs_no_tensorflow(command: list[str], example: str):
    code = (
        f"import sys, ace_export.__main__ as m\ntry: m.main({[*command, '--help']})\n"
        "finally: assert 'tensorflow' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"usage: {example}")


def test_the_scales_are_those_that_pixels_can_be_brought_to():
    assert set(SCALES) == pixels.SCALINGS.keys()


def test_every_option_reaches_the_version(changed: Path):
    said = json.loads((changed / "assets.extra" / "manifest.json").read_text())

    assert (said["temperature"], said["classes"]) == (2, ["fake", "real"])
    assert (said["scale"], said["precision"], said["max_pixels"]) == ("unit", "bfloat16", 1_000_000)


def test_a_version_is_shown_and_compared_by_command(version: Path, capsys: pytest.CaptureFixture):
    assert main(["show", str(version)]) == 0
    assert capsys.readouterr().out.startswith(f"{version}\nsource ")

    assert main(["diff", str(version), str(version)]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("largest difference 0.0e+00; 0 of ")


@pytest.mark.parametrize("command", [["verify"], ["show"], ["diff", "elsewhere"]])
def test_a_folder_that_is_no_version_is_named(command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture):
    assert main([*command, str(tmp_path)]) == 1
    assert "ace-export: " in capsys.readouterr().err


def test_images_that_cannot_be_checked_on_are_named_before_anything_is_written(
    detector_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture
):
    (tmp_path / "images").mkdir()

    assert main([str(detector_file), str(tmp_path / "models"), "--images", str(tmp_path / "images")]) == 1
    assert "images holds no image that OpenCV reads" in capsys.readouterr().err
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize("limit_bytes", [1_000, 400_000])
def test_where_there_is_no_room_nothing_is_published_and_nothing_left(
    limit_bytes: int, detector_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture
):
    with no_file_larger_than(limit_bytes):
        assert main([str(detector_file), str(tmp_path / "models")]) == 1

    assert "could not be written to" in capsys.readouterr().err
    assert list((tmp_path / "models").iterdir()) == []


@contextlib.contextmanager
def no_file_larger_than(limit_bytes: int) -> Iterator[None]:
    """Stands for a full disk: writing fails in the graph, or in what is beside it. Python ignores the signal for it."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_file_that_is_missing_is_named(tmp_path: Path, capsys: pytest.CaptureFixture):
    assert main([str(tmp_path / "no.keras"), str(tmp_path / "models")]) == 1
    assert capsys.readouterr().err == (
        f"ace-export: {tmp_path}/no.keras is no file. Pass the detector.keras that training wrote.\n"
    )


@pytest.mark.parametrize("name", ["detector.keras", "detector.h5", "detector.zip", "detector"])
def test_a_file_that_is_no_keras_file_is_named(tmp_path: Path, name: str, capsys: pytest.CaptureFixture):
    (tmp_path / name).write_text("no model")

    assert main([str(tmp_path / name), str(tmp_path / "models")]) == 1
    assert f"{name} is no .keras file" in capsys.readouterr().err
    assert not (tmp_path / "models").exists()


def test_an_archive_that_is_no_model_is_named(tmp_path: Path, capsys: pytest.CaptureFixture):
    with zipfile.ZipFile(tmp_path / "other.keras", "w") as archive:
        archive.writestr("hello.txt", "hello")

    assert main([str(tmp_path / "other.keras"), str(tmp_path / "models")]) == 1
    error = capsys.readouterr().err
    assert "could not be read as a Keras model" in error
    assert error.count("\n") == 1


def test_an_existing_version_is_named(detector_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture):
    (tmp_path / "models" / "3").mkdir(parents=True)

    assert main([str(detector_file), str(tmp_path / "models"), "--version", "3"]) == 1
    assert "models/3 already exists, and a served version is never overwritten." in capsys.readouterr().err


def test_a_repository_that_is_a_file_is_named(detector_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture):
    (tmp_path / "models").write_text("")

    assert main([str(detector_file), str(tmp_path / "models")]) == 1
    assert "models" in capsys.readouterr().err
    assert (tmp_path / "models").read_text() == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--version", "0"], "0 is no version"),
        (["--version", "two"], "two is no version"),
        (["--threshold", "1.5"], "1.5 is no probability"),
        (["--threshold", "nan"], "nan is no probability"),
        (["--temperature", "0"], "0 is no temperature"),
        (["--temperature", "inf"], "inf is no temperature"),
        (["--classes", "real,real"], "real,real is no order of classes"),
        (["--input-size", "0"], "0 is no size"),
        (["--input-size", "1x2x3"], "1x2x3 is no size"),
        (["--max-pixels", "-1"], "-1"),
        (["--scale", "caffe"], "invalid choice: 'caffe'"),
        (["--precision", "int8"], "invalid choice: 'int8'"),
    ],
)
def test_options_out_of_range_are_usage_errors(arguments: list[str], message: str, capsys: pytest.CaptureFixture):
    with pytest.raises(SystemExit) as exit_:
        main(["detector.keras", "models", *arguments])

    assert exit_.value.code == 2
    assert message in capsys.readouterr().err
