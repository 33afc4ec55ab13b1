import json
import re
import shutil
import signal
import time

import pytest

from ace_loadtest.__main__ import main
from ace_loadtest.arrivals import constant, draw
from ace_loadtest.commands.arguments import profile_of


def test_a_load_leaves_a_report(command, stub_address, images, tmp_path):
    out = tmp_path / "report"
    status, printed, progress = command(stub_address, "--users=3", "--seconds=2", "--images", images, "--out", out)

    kept = json.loads((out / "report.json").read_text())
    assert (status, printed) == (0, f"{out / 'report.html'}\n")
    assert "data:image/svg+xml" in (out / "report.html").read_text()
    assert progress.splitlines()[-1].startswith("████████████████████ 2/2 s")
    assert kept["complete"]
    assert kept["requests"] == kept["answered"] == kept["versions"]["1"] > 0
    assert kept["errors"] == {}


def test_a_new_version_takes_over_under_load_without_an_error(start, serve, detector_base_path, images, tmp_path):
    models = tmp_path / "models" / "detector"
    shutil.copytree(detector_base_path, models)
    server = serve(models, "--model_name=detector")
    flags = ("--users=1", "--think=0.05", "--seconds=120", "--deadline-s=30", "--images", images, "--out", tmp_path)
    began_s = time.monotonic()
    flags = ("--users=1", "--think=0.05", "--seconds=120", "--deadline-s=60", "--images", images, "--out", tmp_path)
    process = start(server.address, *flags)
    wait_for_requests(process)

    shutil.copytree(models / "1", models / "next")
    (models / "next").rename(models / "2")
    server.wait_for_log("Successfully loaded servable version {name: detector version: 2}")
    wait_for_second(process, time.monotonic() - began_s)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)

    kept = json.loads((tmp_path / "report.json").read_text())
    assert kept["errors"] == {}
    assert sorted(kept["versions"]) == ["1", "2"]


def test_an_open_loop_sends_what_was_drawn_and_leaves_every_request_on_disk(command, stub_address, images, tmp_path):
    flags = ("--rate=100", "--seconds=2", "--warm-up=0.5", "--images", images, "--out", tmp_path, "--seed=3")
    command(stub_address, *flags, "--images-a-request=1=1,3=1", "--bad=0.1")

    kept = json.loads((tmp_path / "report.json").read_text())
    lines = (tmp_path / "samples.csv").read_text().splitlines()[1:]
    assert kept["loop"] == "open"
    assert len(lines) == draw(constant(100, 2), seed=3).size == kept["requests"] + kept["warm_up_requests"]
    assert kept["lateness"]["planned"] == kept["requests"]
    assert kept["errors"] == {}


def test_a_recorded_run_can_be_made_again(command, stub_address, images, tmp_path):
    (tmp_path / "trace").write_text("".join(f"{number / 50}\n" for number in range(50)))
    command(stub_address, "--trace", tmp_path / "trace", "--speed=2", "--images", images, "--out", tmp_path)

    kept = json.loads((tmp_path / "report.json").read_text())
    assert (kept["requests"], kept["seconds"]) == (50, pytest.approx(0.5))


def test_versions_and_labels_are_asked_by_their_shares(command, stub_address, images, tmp_path):
    command(stub_address, "--users=2", "--seconds=1", "--ask=7=1,9=1", "--images", images, "--out", tmp_path)

    kept = json.loads((tmp_path / "report.json").read_text())
    assert sorted(kept["versions"]) == ["7", "9"]
    assert kept["targets"] == [f"detector version {version} at {stub_address}" for version in (7, 9)]


def test_the_self_test_says_the_generators_own_limit(command):
    status, printed, _ = command("--self-test", "--seconds=0.3", "--draw=32x32.jpg")

    found = json.loads(printed)
    assert status == 0
    assert found["closed_loop_per_s"] > 0
    assert found["processor_ms_a_request"] > 0
    assert "open_loop_per_s" in found


def test_errors_are_counted_by_status(command, serve_stub, images, tmp_path):
    status, _, _ = command(
        serve_stub("--fail-every=4"), "--users=2", "--seconds=1", "--images", images, "--out", tmp_path
    )

    kept = json.loads((tmp_path / "report.json").read_text())
    assert status == 0
    assert list(kept["errors"]) == ["RESOURCE_EXHAUSTED"]
    assert kept["requests"] == kept["answered"] + kept["errors"]["RESOURCE_EXHAUSTED"]
    assert kept["requests"] / 4 == pytest.approx(kept["errors"]["RESOURCE_EXHAUSTED"], abs=1)


def test_a_load_without_one_answer_is_exit_status_1(command, serve_stub, images, tmp_path):
    status, printed, error = command(
        serve_stub("--fail-after=2"), "--users=2", "--seconds=1", "--images", images, "--out", tmp_path
    )

    assert (status, printed) == (1, f"{tmp_path / 'report.html'}\n")
    assert "ace-loadtest: not one request was answered: {'RESOURCE_EXHAUSTED': " in error


def test_ctrl_c_leaves_a_partial_report(start, stub_address, images, tmp_path):
    process = start(stub_address, "--users=2", "--seconds=60", "--images", images, "--out", tmp_path)
    wait_for_requests(process)
    process.send_signal(signal.SIGINT)
    printed, error = process.communicate(timeout=60)

    kept = json.loads((tmp_path / "report.json").read_text())
    assert (process.returncode, printed) == (130, f"{tmp_path / 'report.html'}\n")
    assert error.endswith("ace-loadtest: interrupted; the report is of what was measured until then\n")
    assert not kept["complete"]
    assert kept["requests"] > 0
    assert kept["errors"] == {}


def test_no_server_is_one_clear_error_and_no_report(command, images, tmp_path):
    status, printed, error = command("127.0.0.1:1", "--images", images, "--out", tmp_path / "report")

    assert (status, printed) == (1, "")
    assert error.startswith("ace-loadtest: Asking detector at 127.0.0.1:1 failed with UNAVAILABLE")
    assert "Traceback" not in error
    assert not (tmp_path / "report").exists()


def test_a_model_that_is_not_there_is_one_clear_error(command, stub_address, images, tmp_path):
    status, _, error = command(stub_address, "--images", images, "--model=other", "--out", tmp_path / "report")

    assert status == 1
    assert error.startswith(f"ace-loadtest: Asking other at {stub_address} failed with NOT_FOUND")
    assert not (tmp_path / "report").exists()


def test_files_that_are_no_images_are_one_clear_error(command, stub_address, tmp_path):
    (tmp_path / "a.jpg").write_text("no image")
    status, _, error = command(stub_address, "--images", tmp_path, "--out", tmp_path / "report")

    assert status == 1
    assert error.startswith(f"ace-loadtest: detector at {stub_address} could read none of the first 1 images")


def test_a_file_in_the_place_of_the_report_is_one_clear_error(command, stub_address, images, tmp_path):
    (tmp_path / "report").write_text("a file")
    status, _, error = command(stub_address, "--images", images, "--out", tmp_path / "report")

    assert status == 1
    assert error.startswith("ace-loadtest: cannot write a report into ")


def test_an_address_without_a_port_is_one_clear_error(command, images):
    status, _, error = command("127.0.0.1", "--images", images)

    assert status == 1
    assert error.startswith("ace-loadtest: '127.0.0.1' names no port")


def test_a_folder_that_is_not_there_is_one_clear_error(command, tmp_path):
    status, _, error = command("127.0.0.1:1", "--images", tmp_path / "gone")

    assert status == 1
    assert error.startswith(f"ace-loadtest: {tmp_path / 'gone'} is no folder")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["127.0.0.1:1"],
        ["127.0.0.1:1", "--images", ".", "--users", "0"],
        ["127.0.0.1:1", "--images", ".", "--seconds", "nan"],
        ["127.0.0.1:1", "--images", ".", "--warm-up", "20"],
        ["127.0.0.1:1", "--images", ".", "--rate", "0"],
        ["127.0.0.1:1", "--images", ".", "--rate", "5", "--shape", "saw"],
        ["127.0.0.1:1", "--images", ".", "--rate", "5", "--users", "5"],
        ["127.0.0.1:1", "--images", ".", "--trace", "trace", "--seconds", "20"],
        ["127.0.0.1:1", "--images", ".", "--bad", "2"],
        ["127.0.0.1:1", "--images", ".", "--draw", "9x9.jpg"],
    ],
)
def test_wrong_arguments_are_exit_status_2(arguments, capsys):
    with pytest.raises(SystemExit) as raised:
        main(arguments)

    assert raised.value.code == 2
    assert capsys.readouterr().err.startswith("usage: ace-loadtest 127.0.0.1:8500")


@pytest.mark.parametrize("command", ["run", "capacity", "compare", "check", "sweep", "plan", "self-test"])
def test_the_help_of_a_command_begins_with_a_real_one(command, capsys):
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])

    words = capsys.readouterr().out.split()
    assert words[:2] == ["usage:", "ace-loadtest"]
    assert words[2:4] != [command, "[-h]"]  # which argparse writes by itself


def wait_for_requests(process) -> None:
    """Returns with the next line of progress."""
    assert "requests" in process.stderr.readline()


def wait_for_second(process, second: float) -> None:
    """Returns with the first line of progress of a load that has lasted so long."""
    while float(re.search(r"(\d+)/\d+ s ", process.stderr.readline())[1]) <= second:
        pass


@pytest.mark.parametrize(
    ("shape", "points"),
    [
        ("constant", ((0, 10), (8, 10))),
        ("ramp:50", ((0, 10), (8, 50))),
        ("steps:20", ((0, 10), (4, 10), (4, 20), (8, 20))),
        ("spike:90", ((0, 10), (3.2, 10), (3.2, 90), (4, 90), (4, 10), (8, 10))),
    ],
)
def test_shapes_are_read(shape, points):
    assert profile_of(shape, 10.0, 8.0).points == points


@pytest.mark.parametrize("shape", ["", "saw", "ramp", "ramp:x", "ramp:1,2", "steps:", "constant:1", "spike:1,2"])
def test_what_is_no_shape_is_said(shape):
    with pytest.raises(ValueError, match="--shape is"):
        profile_of(shape, 10.0, 8.0)
