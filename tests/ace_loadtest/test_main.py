import json
import shutil
import signal
import subprocess
import sys

import pytest

from ace_loadtest.__main__ import main


@pytest.fixture
def start():
    """Starts `python -m ace_loadtest`, in a process of its own: Locust changes the standard library of its process."""
    processes = []

    def start(*arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "ace_loadtest", *map(str, arguments)]
        processes.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def test_a_load_leaves_a_report(start, stub_address, images, tmp_path):
    out = tmp_path / "report"
    process = start(stub_address, "--users=3", "--seconds=2", "--images", images, "--out", out)
    printed, progress = process.communicate(timeout=60)

    kept = json.loads((out / "report.json").read_text())
    assert (process.returncode, printed) == (0, f"{out / 'report.html'}\n")
    assert "data:image/svg+xml" in (out / "report.html").read_text()
    assert progress.splitlines()[-1].startswith("████████████████████ 2/2 s")
    assert kept["complete"]
    assert kept["requests"] == kept["answered"] == kept["versions"]["1"] > 0
    assert kept["errors"] == {}


def test_a_new_version_takes_over_under_load_without_an_error(start, serve, detector_base_path, images, tmp_path):
    models = tmp_path / "models" / "detector"
    shutil.copytree(detector_base_path, models)
    server = serve(models, "--model_name=detector")
    process = start(server.address, "--users=3", "--seconds=60", "--images", images, "--out", tmp_path)
    wait_for_requests(process)

    shutil.copytree(models / "1", models / "next")
    (models / "next").rename(models / "2")
    server.wait_for_log("Successfully loaded servable version {name: detector version: 2}")
    wait_for_requests(process)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)

    kept = json.loads((tmp_path / "report.json").read_text())
    assert kept["errors"] == {}
    assert sorted(kept["versions"]) == ["1", "2"]


def test_errors_are_counted_by_status(start, serve_stub, images, tmp_path):
    process = start(serve_stub(refuse_every=4), "--users=2", "--seconds=1", "--images", images, "--out", tmp_path)
    process.communicate(timeout=60)

    kept = json.loads((tmp_path / "report.json").read_text())
    assert process.returncode == 0
    assert list(kept["errors"]) == ["RESOURCE_EXHAUSTED"]
    assert kept["requests"] == kept["answered"] + kept["errors"]["RESOURCE_EXHAUSTED"]
    assert kept["requests"] / 4 == pytest.approx(kept["errors"]["RESOURCE_EXHAUSTED"], abs=1)


def test_a_load_without_one_answer_is_exit_status_1(start, serve_stub, images, tmp_path):
    process = start(serve_stub(refuse_after=1), "--users=2", "--seconds=1", "--images", images, "--out", tmp_path)
    printed, error = process.communicate(timeout=60)

    assert (process.returncode, printed) == (1, f"{tmp_path / 'report.html'}\n")
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


def test_no_server_is_one_clear_error_and_no_report(start, images, tmp_path):
    process = start("127.0.0.1:1", "--images", images, "--out", tmp_path / "report")
    printed, error = process.communicate(timeout=60)

    assert (process.returncode, printed) == (1, "")
    assert error.startswith("ace-loadtest: Asking detector at 127.0.0.1:1 failed with UNAVAILABLE")
    assert "Traceback" not in error
    assert not (tmp_path / "report").exists()


def test_a_model_that_is_not_there_is_one_clear_error(start, stub_address, images, tmp_path):
    process = start(stub_address, "--images", images, "--model=other", "--out", tmp_path / "report")
    _, error = process.communicate(timeout=60)

    assert process.returncode == 1
    assert error.startswith(f"ace-loadtest: Asking other at {stub_address} failed with NOT_FOUND")
    assert not (tmp_path / "report").exists()


def test_files_that_are_no_images_are_one_clear_error(start, stub_address, tmp_path):
    (tmp_path / "a.jpg").write_text("no image")
    process = start(stub_address, "--images", tmp_path, "--out", tmp_path / "report")
    _, error = process.communicate(timeout=60)

    assert process.returncode == 1
    assert error.startswith(f"ace-loadtest: {stub_address} could read none of the first 1 images")


def test_a_file_in_the_place_of_the_report_is_one_clear_error(start, stub_address, images, tmp_path):
    (tmp_path / "report").write_text("a file")
    process = start(stub_address, "--images", images, "--out", tmp_path / "report")
    _, error = process.communicate(timeout=60)

    assert process.returncode == 1
    assert error.startswith("ace-loadtest: cannot write a report into ")


def test_an_address_without_a_port_is_one_clear_error(start, images):
    process = start("127.0.0.1", "--images", images)
    _, error = process.communicate(timeout=60)

    assert process.returncode == 1
    assert error.startswith("ace-loadtest: '127.0.0.1' names no port")


def test_a_folder_that_is_not_there_is_one_clear_error(start, tmp_path):
    process = start("127.0.0.1:1", "--images", tmp_path / "gone")
    _, error = process.communicate(timeout=60)

    assert process.returncode == 1
    assert error.startswith(f"ace-loadtest: {tmp_path / 'gone'} is no folder")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["127.0.0.1:1"],
        ["127.0.0.1:1", "--images", ".", "--users", "0"],
        ["127.0.0.1:1", "--images", ".", "--seconds", "nan"],
    ],
)
def test_wrong_arguments_are_exit_status_2(arguments, capsys):
    with pytest.raises(SystemExit) as raised:
        main(arguments)

    assert raised.value.code == 2
    assert capsys.readouterr().err.startswith("usage: ace-loadtest 127.0.0.1:8500")


def wait_for_requests(process) -> None:
    """Returns with the next line of progress."""
    assert "requests" in process.stderr.readline()
