import json
import signal
import subprocess
import sys
import threading

import pytest

from ace_client.__main__ import main


@pytest.fixture
def faces(tmp_path):
    paths = [tmp_path / "a.jpg", tmp_path / "b.jpg"]
    for path, size in zip(paths, (250, 750), strict=True):
        path.write_bytes(bytes(size))
    return [str(path) for path in paths]


def test_prints_one_line_of_json_an_image(server, faces, capsys):
    assert main([*faces, "--server", server.address]) == 0

    printed = capsys.readouterr()
    assert [json.loads(line) for line in printed.out.splitlines()] == [
        {"file": faces[0], "prob_fake": 0.25, "label": "real", "version": 7, "error": None},
        {"file": faces[1], "prob_fake": 0.75, "label": "fake", "version": 7, "error": None},
    ]
    assert printed.err == ""


def test_an_image_that_cannot_be_read_has_its_line_and_the_status_is_1(server, faces, capsys):
    assert main([faces[0], "gone.jpg", faces[1], "--server", server.address]) == 1

    printed = capsys.readouterr()
    assert [json.loads(line)["prob_fake"] for line in printed.out.splitlines()] == [0.25, None, 0.75]
    assert json.loads(printed.out.splitlines()[1]) == {
        "file": "gone.jpg",
        "prob_fake": None,
        "label": None,
        "version": None,
        "error": "cannot read gone.jpg: No such file or directory",
    }
    assert printed.err == "ace-detect: 1 of 3 images could not be read\n"


def test_any_number_of_files_is_answered(server, faces, capsys):
    assert main([*faces * 50, "--server", server.address]) == 0

    assert [json.loads(line)["prob_fake"] for line in capsys.readouterr().out.splitlines()] == [0.25, 0.75] * 50


def test_a_version_or_a_label_can_be_pinned(server, faces, capsys):
    main([faces[0], "--server", server.address, "--version", "3"])
    main([faces[0], "--server", server.address, "--label", "stable", "--model", "other"])

    capsys.readouterr()
    first, second = (request.model_spec for request in server.requests)
    assert (first.name, first.version.value) == ("detector", 3)
    assert (second.name, second.version_label) == ("other", "stable")


def test_no_server_is_one_error_without_a_traceback(free_address, faces, capsys):
    assert main([faces[0], "--server", free_address]) == 1

    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"ace-detect: Asking detector at {free_address} failed with UNAVAILABLE: ")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["a.jpg", "--version", "1", "--label", "stable"],
        ["a.jpg", "--server", "localhost"],
        ["a.jpg", "--deadline-s", "0"],
    ],
)
def test_wrong_arguments_are_exit_status_2(arguments, capsys):
    with pytest.raises(SystemExit) as raised:
        main(arguments)

    assert raised.value.code == 2
    assert capsys.readouterr().err.startswith("usage: ace-detect faces/*.jpg")


def test_ctrl_c_ends_with_a_clean_line(server, faces):
    asked, answered = threading.Event(), threading.Event()

    def answer(_request, _context):
        asked.set()
        answered.wait(30)

    server.predict = answer
    command = [sys.executable, "-m", "ace_client", *faces, "--server", server.address, "--deadline-s", "30"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        asked.wait(30)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=30)
    answered.set()

    assert (process.returncode, error) == (130, "ace-detect: interrupted\n")


def test_a_reader_that_has_seen_enough_is_no_traceback(server, faces):
    command = [sys.executable, "-m", "ace_client", *faces * 500, "--server", server.address]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        process.stdout.close()
        error = process.stderr.read()

    assert (process.returncode, error) == (1, "")
