import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from ace_export.__main__ import main


def run(*arguments: str | Path) -> subprocess.CompletedProcess:
    """The command as a person gives it, who has set none of TensorFlow's variables."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    command = [sys.executable, "-m", "ace_export", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_prints_the_path_of_the_published_version_and_progress_elsewhere(detector_file: Path, tmp_path: Path):
    done = run(detector_file, tmp_path / "models" / "detector", "--version", "4", "--threshold", "0.7")

    assert done.returncode == 0
    assert done.stdout == f"{tmp_path}/models/detector/4\n"
    assert done.stderr.splitlines() == [
        f"Reading {detector_file}",
        "Writing the graph: encoded images → 96×96 RGB → P(fake), fake from 0.7",
        "Checking it against OpenCV and Keras on 17 golden images",
        done.stderr.splitlines()[-1],
    ]
    assert done.stderr.splitlines()[-1].startswith("Largest difference in prob_fake: ")


def test_help_begins_with_a_real_command_and_needs_no_tensorflow():
    code = (
        "import sys, ace_export.__main__ as m\ntry: m.main(['--help'])\nfinally: assert 'tensorflow' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("usage: python -m ace_export runs/fit/detector.keras runs/models/detector")


def test_a_file_that_is_missing_is_named(tmp_path: Path, capsys: pytest.CaptureFixture):
    assert main([str(tmp_path / "no.keras"), str(tmp_path / "models")]) == 1
    assert capsys.readouterr().err == (
        f"ace-export: {tmp_path}/no.keras is no file. Pass the detector.keras that training wrote.\n"
    )


@pytest.mark.parametrize("name", ["detector.keras", "detector.zip", "detector"])
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
    ],
)
def test_options_out_of_range_are_usage_errors(arguments: list[str], message: str, capsys: pytest.CaptureFixture):
    with pytest.raises(SystemExit) as exit_:
        main(["detector.keras", "models", *arguments])

    assert exit_.value.code == 2
    assert message in capsys.readouterr().err
