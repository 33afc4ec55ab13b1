import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ace_training.__main__ import main


def test_faces_prints_the_folder_and_progress_elsewhere(run, tmp_path):
    done = run("faces", "drawn", "--train", 2, "--val", 2, "--test", 2, "--seed", 9)

    assert (done.returncode, done.stdout) == (0, "drawn\n")
    assert "faces: 100%" in done.stderr
    assert json.loads((tmp_path / "drawn" / "faces.json").read_text())["seed"] == 9


@pytest.mark.parametrize("command", [["--help"], ["faces", "--help"], ["fit", "--help"], ["evaluate", "--help"]])
def test_help_begins_with_a_real_command_and_needs_no_tensorflow(command):
    code = f"import sys, ace_training.__main__ as m\ntry: m.main({command})\nfinally: assert 'keras' not in sys.modules"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("usage: python -m ace_training ")


@pytest.mark.parametrize(
    "arguments",
    [[], ["faces"], ["fit", "data"], ["fit", "data", "out", "--preset", "demo"], ["faces", "d", "--seed", "-1"]],
)
def test_wrong_usage_ends_with_status_2(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert ended.value.code == 2


def fails(arguments: list[str | Path], capsys: pytest.CaptureFixture) -> str:
    """The one line that the command ends with, its status being 1."""
    assert main([str(argument) for argument in arguments]) == 1
    output, errors = capsys.readouterr()
    assert output == ""
    (line,) = [line for line in errors.splitlines() if not line.startswith(("\r", "read ", "audit")) and line]
    return line


def test_an_odd_count_is_refused(tmp_path, capsys):
    line = fails(["faces", tmp_path / "faces", "--val", "3"], capsys)

    assert line.startswith("ace-training: The val split cannot have 3 images")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_use_is_refused(few_faces, capsys):
    assert fails(["faces", few_faces], capsys).startswith(f"ace-training: {few_faces} is already in use")


def test_a_missing_data_folder_is_named(tmp_path, capsys):
    line = fails(["fit", tmp_path / "none", tmp_path / "out"], capsys)

    assert line.startswith(f"ace-training: {tmp_path}/none is not a folder")
    assert list(tmp_path.iterdir()) == []


def test_an_empty_data_folder_is_named(tmp_path, capsys):
    assert fails(["fit", tmp_path, tmp_path / "out"], capsys).startswith(
        f"ace-training: {tmp_path}/train/real is not a folder"
    )


def test_a_file_that_is_no_image_is_named(few_faces, tmp_path, capsys):
    shutil.copytree(few_faces, tmp_path / "faces")
    bad = tmp_path / "faces" / "val" / "real" / "bad.jpg"
    bad.write_text("no image")

    assert f"ace-training: {bad} is no image" in fails(["fit", tmp_path / "faces", tmp_path / "out"], capsys)
    assert not (tmp_path / "out").exists()


def test_a_folder_with_a_detector_is_refused(few_faces, tmp_path, capsys):
    (tmp_path / "detector.keras").write_text("mine")

    assert "has a detector.keras already" in fails(["fit", few_faces, tmp_path], capsys)
    assert (tmp_path / "detector.keras").read_text() == "mine"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--epochs", "0"], "demo: optimisation.epochs is 0: choose 1 or more."),
        (["--weights", "imagenet"], "demo: model.weights is 'imagenet': choose none, or a network with width 1 and 8"),
        (["--config", "big"], "big cannot be read: No such file or directory. Pass --config with one of demo, smoke,"),
    ],
)
def test_what_the_config_cannot_be_is_refused(few_faces, tmp_path, capsys, flags, message):
    assert fails(["fit", few_faces, tmp_path / "out", *flags], capsys).startswith(f"ace-training: {message}")


def test_leakage_is_refused_before_anything_is_written(few_faces, tmp_path, capsys):
    data = shutil.copytree(few_faces, tmp_path / "faces")
    image = min((data / "train" / "real").iterdir())
    shutil.copy(image, data / "test" / "real" / image.name)

    assert "--allow-leakage" in fails(["fit", data, tmp_path / "out"], capsys)
    assert not (tmp_path / "out").exists()


def test_without_a_network_the_imagenet_file_to_fetch_is_named(run, few_faces, tmp_path):
    nowhere = "http://127.0.0.1:9"
    done = run("fit", few_faces, "out", "--config", "xception",
               KERAS_HOME=str(tmp_path / "keras"), https_proxy=nowhere, HTTPS_PROXY=nowhere)  # fmt: skip

    assert (done.returncode, done.stdout) == (1, "")
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ace-training: The ImageNet weights could not be downloaded. Fetch https://")
    assert f"{tmp_path}/keras/models/xception_weights_tf_dim_ordering_tf_kernels_notop.h5" in last
    assert "--weights FILE" in last
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()
