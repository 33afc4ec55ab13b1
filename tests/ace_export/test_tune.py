"""The whole command, on a version with one batch size and measurements too short to mean anything."""

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest

from ace_export import golden, warmup
from ace_export.__main__ import main
from ace_export.tuning.tune import FILES
from ace_server.config import read_batching_parameters
from ace_server.options import Options
from ace_server.session_config import session_config

pytestmark = pytest.mark.timeout(900)  # a dozen servers start one after another


ON_ONE_PROCESSOR = """  # which has one layout of threads
import os, sys
from ace_export.__main__ import main
os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
sys.exit(main())
"""


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "ace_export", "tune", *map(str, arguments)]


@pytest.fixture(scope="module")
def small(version: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A version with warm-up records for batches of two alone: one setting to try for each layout of threads."""
    copy = Path(shutil.copytree(version, tmp_path_factory.mktemp("models") / "detector" / "4"))
    images = [image.data for image in golden.draw()[:4]]
    asked = {"signatures": ["serving_default"], "input_size": (96, 96), "batch_sizes": [2]}
    warmup.write(copy / "assets.extra", images, **asked)
    return copy


@pytest.fixture(scope="module")
def tuned(small: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess]:
    out = tmp_path_factory.mktemp("tuned") / "runs" / "tune"
    words = [sys.executable, "-c", ON_ONE_PROCESSOR, *command(small, "--out", out, "--seconds=0.2", "--rounds=2")[3:]]
    return out, subprocess.run(words, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_paths_go_to_stdout_and_the_rest_to_stderr(tuned):
    out, done = tuned

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [str(out / name) for name in FILES]
    assert sorted(path.name for path in out.iterdir()) == sorted(FILES)
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_stderr_has_the_table_the_margin_and_how_to_start_either_server(tuned):
    out, done = tuned

    assert "→ " in done.stderr
    assert "; in brackets the least and the most of 2 rounds" in done.stderr
    for server in ("python -m ace_server", "tensorflow_model_server"):
        assert f"{server} --port=8500 --model_name=detector --model_base_path=" in done.stderr
    without_files = "No setting serves better on this machine" in done.stderr
    assert (f"--batching_parameters_file={out}/batching_parameters.txt" in done.stderr) == (not without_files)


@pytest.mark.slow
def test_the_files_are_those_of_the_candidate_that_they_were_written_for(tuned):
    out, _ = tuned
    result = json.loads((out / "tune.json").read_text())
    [written] = [one for one in result["candidates"] if one["name"] == result["written"]]

    parameters = read_batching_parameters(out / "batching_parameters.txt")
    config = session_config(
        Options(model_base_path="/models", tensorflow_session_config_file=str(out / "session_config.txt"))
    )

    assert result["chosen"] == result["written"] or result["chosen"].startswith("default: ")
    assert parameters.num_batch_threads == written["setting"]["batch_threads"]
    assert list(parameters.allowed_batch_sizes) == written["setting"]["batch_sizes"] == [2]
    assert parameters.max_enqueued_batches == result["max_enqueued_batches"]
    assert config.intra_op_parallelism_threads == written["setting"]["intra_op_threads"]
    onednn = int(written["onednn"])
    assert f"TF_ENABLE_ONEDNN_OPTS={onednn}" in (out / "batching_parameters.txt").read_text()


@pytest.mark.slow
def test_all_that_was_measured_is_kept_with_the_machine(tuned):
    result = json.loads((tuned[0] / "tune.json").read_text())
    names = [one["name"] for one in result["candidates"]]

    assert {"default: no batching", "default: --enable_batching", "default: no batching, oneDNN off"} <= set(names)
    assert len(set(names)) == len(names)
    assert all(len(one["rounds"]) in (1, 2) for one in result["candidates"])
    compared = {"default: no batching", "default: --enable_batching", result["written"]} - {result["chosen"]}
    assert result["gains"].keys() == compared
    assert result["machine"]["processors"] >= 1


@pytest.mark.slow
def test_the_picture_can_be_looked_at(tuned):
    assert cv2.imread(str(tuned[0] / "tune.png")).shape[1] > 1000


@contextlib.contextmanager
def started(version: Path, folder: Path) -> Iterator[tuple[subprocess.Popen, int]]:
    """A run of the command that keeps to the folder, and a descriptor of its first server, which has begun to start."""
    words = command(version, "--out", folder / "tune", "--seconds", "0.2")
    environment = os.environ | {"TMPDIR": str(folder)}
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=environment)
    assert process.stderr.readline().startswith("Measuring ")
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while not children.read_text():
        assert process.poll() is None
    server = os.pidfd_open(int(children.read_text()))
    yield process, server
    os.close(server)


def wait_for_a_measurement(process: subprocess.Popen) -> None:
    while " 1/" not in process.stderr.readline():
        assert process.poll() is None


def ends(server: int) -> bool:
    """Whether the process ends, waited for: the kernel ends it where its parent was interrupted in starting it."""
    return bool(select.select([server], [], [], 60)[0])


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_neither_a_server_nor_a_file(small, tmp_path, number):
    with started(small, tmp_path) as (process, server):
        if number == signal.SIGINT:  # the other one comes while a server starts
            wait_for_a_measurement(process)
        process.send_signal(number)

        _, rest = process.communicate(timeout=60)

        assert process.returncode == 130
        assert rest.splitlines()[-1] == "ace-export: interrupted"
        assert ends(server)
        assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="other systems cannot be asked to end a child with its parent")
def test_a_run_that_is_killed_leaves_no_server(small, tmp_path):
    with started(small, tmp_path) as (process, server):
        wait_for_a_measurement(process)
        process.kill()
        process.communicate(timeout=60)

        assert ends(server)


def test_a_folder_that_is_no_version_is_told(tmp_path, capsys):
    assert main(["tune", str(tmp_path)]) == 1
    assert capsys.readouterr().err == (
        f"ace-export: {tmp_path} is no exported version. Pass a folder such as runs/models/detector/1.\n"
    )


@pytest.mark.parametrize("inside", [".", "assets.extra/tune"])
def test_a_version_is_never_written_into(small, inside, capsys):
    assert main(["tune", str(small), "--out", str(small / inside)]) == 1
    assert "a published version is never written to" in capsys.readouterr().err


def test_a_place_that_cannot_be_written_to_is_told_before_anything_is_measured(small, tmp_path, capsys):
    (tmp_path / "file").write_text("")

    assert main(["tune", str(small), "--out", str(tmp_path / "file" / "tune")]) == 1
    assert f"{tmp_path}/file cannot be written to. Pass another --out." in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--seconds", "0"], ["--rounds", "none"], ["--max-p99-ms", "nan"], []])
def test_wrong_arguments_are_usage_errors(words):
    with pytest.raises(SystemExit) as exit_:
        main(["tune", *(["models/1"] if words else []), *words])

    assert exit_.value.code == 2


def test_help_begins_with_a_real_command_and_needs_no_tensorflow():
    code = (
        "import sys, ace_export.__main__ as m\n"
        "try: m.main(['tune', '--help'])\nfinally: assert 'tensorflow' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("usage: python -m ace_export tune runs/models/detector/1")
