import io
import json
import os
import signal
import subprocess
import sys
import threading
from types import SimpleNamespace

import grpc
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
        {"file": faces[0], "prob_fake": 0.25, "label": "real", "model": "detector", "version": 7, "error": None},
        {"file": faces[1], "prob_fake": 0.75, "label": "fake", "model": "detector", "version": 7, "error": None},
    ]
    assert printed.err == ""


def test_an_image_that_cannot_be_read_has_its_line_and_the_status_is_4(server, faces, capsys):
    assert main([faces[0], "gone.jpg", faces[1], "--server", server.address]) == 4

    printed = capsys.readouterr()
    assert [json.loads(line)["prob_fake"] for line in printed.out.splitlines()] == [0.25, None, 0.75]
    assert json.loads(printed.out.splitlines()[1]) == {
        "file": "gone.jpg",
        "prob_fake": None,
        "label": None,
        "model": "detector",
        "version": None,
        "error": "cannot read gone.jpg: No such file or directory",
    }
    assert printed.err == "ace-detect: 1 of 3 images could not be read\n"


@pytest.mark.parametrize(("files", "status"), [([0], 0), ([0, 1], 3), ([0, 1, 2], 3), ([0, 2], 4)])
def test_a_script_can_tell_a_fake_from_an_unreadable_image(server, faces, capsys, files, status):
    files = [[*faces, "gone.jpg"][at] for at in files]

    assert main([*files, "--server", server.address, "--fail-on", "fake"]) == status
    assert ("1 of 2 images are fake" in capsys.readouterr().err) == (status == 3 and len(files) == 2)


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
        ["a.jpg", "--version", "99999999999999999999"],
        ["a.jpg", "--version", "-1"],
        ["a.jpg", "--server", "localhost"],
        ["a.jpg", "--deadline-s", "0"],
        ["a.jpg", "--concurrency", "0"],
        ["a.jpg", "--fail-on", "real"],
        ["a.jpg", "--format", "table", "--out", "results.txt"],
    ],
)
def test_wrong_arguments_are_exit_status_2(arguments, capsys):
    with pytest.raises(SystemExit) as raised:
        main(arguments)

    assert raised.value.code == 2
    assert capsys.readouterr().err.startswith("usage: ace-detect faces/ --server ")


class Stalls:
    """Lets so many requests be answered, and no other until the test's end."""

    def __init__(self, server, answers):
        self.reached, self.over = threading.Event(), threading.Event()
        self._answer, self._left = server.predict, answers
        server.predict = self._predict

    def _predict(self, request, context):
        self._left -= 1
        if self._left < 0:
            self.reached.set()
            self.over.wait(30)
        return self._answer(request, context)


@pytest.fixture
def stalls(server):
    """`stalls(n)`: the server answers n requests, and no more before `stalls.over` or the test's end."""
    made = []

    def stall(answers):
        made.append(Stalls(server, answers))
        return made[-1]

    yield stall
    for each in made:
        each.over.set()


@pytest.fixture
def folder(tmp_path):
    """A folder of 200 images, which seven requests ask about."""
    (tmp_path / "faces").mkdir()
    for number in range(200):
        (tmp_path / "faces" / f"{number:03}.jpg").write_bytes(bytes(number * 5))
    return str(tmp_path / "faces")


def command(server, *arguments):
    return [sys.executable, "-m", "ace_client", *arguments, "--server", server.address, "--concurrency", "1"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_run_that_was_ended_goes_on_where_it_stopped(server, stalls, folder, tmp_path, capsys, number):
    out = tmp_path / "results.jsonl"
    stalled = stalls(3)
    with subprocess.Popen(command(server, folder, "--out", str(out)), stderr=subprocess.PIPE, text=True) as process:
        stalled.reached.wait(30)
        process.send_signal(number)
        _, error = process.communicate(timeout=30)
    stalled.over.set()
    if number == signal.SIGINT:
        assert process.returncode == 130
        assert error == f"ace-detect: interrupted\n96 images are in {out}: the same command goes on from there.\n"
    server.requests.clear()

    assert main([folder, "--out", str(out), "--server", server.address, "--fail-on", "fake"]) == 3

    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(row["file"], row["prob_fake"]) for row in rows] == [
        (f"{folder}/{number:03}.jpg", number * 5 / 1000) for number in range(200)
    ]
    asked = sum(len(request.inputs["image_bytes"].string_val) for request in server.requests)
    assert asked == 200 - 96
    assert capsys.readouterr().err == "ace-detect: 100 of 200 images are fake\n"
    server.requests.clear()
    assert main([folder, "--out", str(out), "--server", server.address, "--fail-on", "fake"]) == 3
    assert server.requests == []


def test_a_server_that_goes_away_midway_leaves_what_was_done_and_how_to_go_on(server, stalls, folder, tmp_path, capsys):
    def predict(request, context):
        if len(server.requests) > 3:
            context.abort(grpc.StatusCode.INTERNAL, "gone")
        return answer(request, context)

    answer, server.predict = server.predict, predict
    out = tmp_path / "results.csv"
    arguments = [folder, "--out", str(out), "--format", "csv", "--server", server.address, "--concurrency", "1"]

    assert main(arguments) == 1

    error = capsys.readouterr().err
    assert error.startswith(f"ace-detect: Asking detector at {server.address} failed with INTERNAL: gone\n")
    assert error.endswith(f"\n96 images are in {out}: the same command goes on from there.\n")
    server.predict = answer
    assert main(arguments) == 0
    assert len(set(out.read_text().splitlines())) == len(out.read_text().splitlines()) == 201


def test_without_a_file_ctrl_c_says_that_there_could_be_one(server, stalls, folder):
    stalled = stalls(1)
    with subprocess.Popen(
        command(server, folder), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        stalled.reached.wait(30)
        process.send_signal(signal.SIGINT)
        printed, error = process.communicate(timeout=30)

    assert (process.returncode, len(printed.splitlines())) == (130, 32)
    assert error == (
        "ace-detect: interrupted\n32 images were answered; with --out FILE the same command would go on from there.\n"
    )


def test_a_file_of_another_version_is_not_added_to(server, faces, tmp_path, capsys):
    arguments = ["--server", server.address, "--out", str(tmp_path / "results.jsonl")]
    assert main([faces[0], *arguments]) == 0

    assert main([*faces, *arguments, "--label", "canary", "--model", "other"]) == 1
    assert main([*faces, *arguments, "--version", "8"]) == 1

    errors = capsys.readouterr().err.splitlines()
    assert "holds what model detector answered, and --model is other" in errors[0]
    assert "is for what version 7 answers, and --version is 8" in errors[1]


def test_a_list_is_read_from_stdin(server, faces, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO("\n".join(faces).encode())))

    assert main(["-", "--server", server.address, "--format", "table"]) == 0

    assert capsys.readouterr().out == (
        "prob_fake  label  version  file\n"
        f"   0.2500  real         7  {faces[0]}\n"
        f"   0.7500  fake         7  {faces[1]}\n"
    )


def test_a_sheet_beside_the_images_is_none_of_them(server, folder, capsys):
    arguments = [folder, "--server", server.address, "--sheet", f"{folder}/sheet.png"]

    assert [main(arguments), main(arguments)] == [0, 0]

    assert len(capsys.readouterr().out.splitlines()) == 2 * 200


def test_a_folder_without_images_is_an_error(server, tmp_path, capsys):
    assert main([str(tmp_path), "--server", server.address]) == 1

    assert capsys.readouterr().err.startswith(f"ace-detect: {tmp_path} holds no images (.bmp, ")


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_is_shown_on_a_terminal_alone(server, folder, tmp_path, terminal):
    ours, theirs = os.openpty() if terminal else os.pipe()
    arguments = command(server, folder, "--out", str(tmp_path / "results.jsonl"))
    with subprocess.Popen(arguments, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        while chunk := read(ours):
            shown += chunk
    os.close(ours)

    assert process.returncode == 0
    assert shown.decode().split("\r")[-2].startswith("█" * 20 + " 200/200  ") if terminal else shown == b""


def read(terminal):
    """What there is; empty at the end, which terminals report as an error."""
    try:
        return os.read(terminal, 4096)
    except OSError:
        return b""


def test_results_that_cannot_be_written_are_an_error(server, faces):
    with open("/dev/full", "w") as full:  # noqa: PTH123 a device
        done = subprocess.run(command(server, *faces), stdout=full, stderr=subprocess.PIPE, text=True)

    assert done.returncode == 1
    assert done.stderr.startswith("ace-detect: The results cannot be written: No space left on device.\n")


def test_a_reader_that_has_seen_enough_is_no_traceback(server, faces):
    arguments = command(server, *faces * 500)
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        process.stdout.close()
        error = process.stderr.read()

    assert (process.returncode, error) == (1, "")
