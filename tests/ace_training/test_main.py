import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ace_training.__main__ import main


def test_faces_prints_the_folder_and_progress_elsewhere(run, tmp_path):
    done = run("faces", "drawn", "--train", 2, "--val", 2, "--test", 2, "--seed", 9)

    assert (done.returncode, done.stdout) == (0, "drawn\n")
    assert "faces: 100%" in done.stderr
    assert json.loads((tmp_path / "drawn" / "faces.json").read_text())["seed"] == 9


def test_fit_prints_the_detectors_path_and_progress_elsewhere(run, few_faces, tmp_path):
    done = run("fit", few_faces, "out", "--epochs", 1)

    assert (done.returncode, done.stdout) == (0, "out/detector.keras\n"), done.stderr
    assert "epoch 1/1: 100%" in done.stderr
    assert "cuda" not in done.stderr.lower()
    assert (tmp_path / "out" / "detector.keras").stat().st_size > 100_000


@pytest.mark.parametrize("command", [["--help"], ["faces", "--help"], ["fit", "--help"], ["evaluate", "--help"]])
def test_help_begins_with_a_real_command_and_needs_no_tensorflow(command):
    code = f"import sys, ace_training.__main__ as m\ntry: m.main({command})\nfinally: assert 'keras' not in sys.modules"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("usage: python -m ace_training ")


@pytest.mark.parametrize(
    "arguments",
    [[], ["faces"], ["fit", "data"], ["fit", "data", "out", "--preset", "big"], ["faces", "d", "--seed", "-1"]],
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
    (line,) = [line for line in errors.splitlines() if not line.startswith(("\r", "read ")) and line]
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


@pytest.mark.parametrize("flags", [["--epochs", "0"], ["--weights", "imagenet"]])
def test_flags_that_do_not_fit_the_preset_are_refused(few_faces, tmp_path, capsys, flags):
    assert fails(["fit", few_faces, tmp_path / "out", *flags], capsys).startswith("ace-training: The preset demo ")


def test_without_a_network_the_imagenet_file_to_fetch_is_named(run, few_faces, tmp_path):
    nowhere = "http://127.0.0.1:9"
    done = run("fit", few_faces, "out", "--preset", "xception",
               KERAS_HOME=str(tmp_path / "keras"), https_proxy=nowhere, HTTPS_PROXY=nowhere)  # fmt: skip

    assert (done.returncode, done.stdout) == (1, "")
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ace-training: The ImageNet weights could not be downloaded. Fetch https://")
    assert f"{tmp_path}/keras/models/xception_weights_tf_dim_ordering_tf_kernels_notop.h5" in last
    assert "--weights FILE" in last
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


ON_SMALL_IMAGES = """
import dataclasses, sys
from ace_training import __main__, presets
presets.PRESETS["demo"] = dataclasses.replace(presets.DEMO, input_size=71, width=0.05, middle_blocks=1)
presets.PRESETS["xception"] = dataclasses.replace(presets.XCEPTION, input_size=71)
sys.exit(__main__.main())
"""


@pytest.mark.slow
def test_the_full_network_trains(few_faces, tmp_path):
    words = ["fit", str(few_faces), str(tmp_path), "--preset=xception", "--weights=none", "--epochs=1"]

    done = subprocess.run([sys.executable, "-c", ON_SMALL_IMAGES, *words], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (0, f"{tmp_path}/detector.keras\n"), done.stderr
    assert json.loads((tmp_path / "report.json").read_text())["parameters"] == 20_863_529


@pytest.mark.slow
def test_an_interrupt_during_training_leaves_nothing_and_says_so(few_faces, tmp_path):
    log = tmp_path / "stderr.log"
    command = [sys.executable, "-c", ON_SMALL_IMAGES, "fit", str(few_faces), str(tmp_path / "out"), "--epochs=1000"]
    with log.open("w") as stderr, subprocess.Popen(command, stderr=stderr, stdout=subprocess.DEVNULL) as process:
        while "epoch 2/" not in log.read_text() and process.poll() is None:
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 130

    assert log.read_text().endswith("ace-training: interrupted, and nothing was written\n")
    assert "Traceback" not in log.read_text()
    assert not (tmp_path / "out").exists()
