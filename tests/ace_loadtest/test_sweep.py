"""Stub servers of known capacity in the place of a server's settings."""

import json
import signal
import sys
from datetime import datetime

import pytest

from ace_loadtest.capacity import Goal, Search
from ace_loadtest.slo import parse
from ace_loadtest.sweep import Candidate, Sweep
from ace_loadtest.sweep_report import page

STUB = f"{sys.executable} -m ace_loadtest.stub_server --port={{port}} --queue-ms={{delay}}"
LIMITS = (
    "--slo=p99=500ms",
    "--errors=50%",
    "--trial=0.5",
    "--seconds=0.5",
    "--warm-up=0",
    "--precision=0.5",
    "--from=4",
)


def sweep(command: str, **values: list[str]) -> Sweep:
    return Sweep(command, values, search=None, ready=None)


def test_all_combinations_are_tried():
    found = sweep("serve --port={port} --a={a} --b={b}", a=["1", "2"], b=["x", "y z"])

    assert [found.arguments(setting, 7) for setting in found.settings] == [
        ["serve", "--port=7", f"--a={a}", f"--b={b}"] for a in "12" for b in ("x", "y z")
    ]


@pytest.mark.parametrize(
    "command", ["serve --a={a}", "serve --port={port}", "serve --port={port} --a={a} --c={c}", "'"]
)
def test_a_command_that_does_not_name_what_it_must_is_a_clear_error(command):
    with pytest.raises(ValueError, match=r"^--server is .*: it "):
        sweep(command, a=["1"])


def test_the_best_setting_is_found_and_one_that_misses_is_said(command, images, tmp_path):
    given = ("--set=delay=20,900", "--images", images, "--out", tmp_path)
    _, printed, error = command("sweep", "--server", STUB, *given, *LIMITS)

    assert json.loads(printed)["best"] == {"delay": "20"}, error
    assert "delay=900: " in error
    assert "Best: delay=20" in (tmp_path / "report.html").read_text()


def test_a_setting_whose_search_ended_at_the_generator_makes_the_best_one_undecided():
    goal = Goal(slo=parse("p99=500ms", "0.1%"))
    done = [
        Candidate({"a": name}, Search(goal, None, per_s=per_s, limit=limit))
        for name, per_s, limit in (("1", 80.0, "server"), ("2", 90.0, "generator"))
    ]
    found = sweep("serve --port={port} --a={a}", a=["1", "2"])
    found.done.append(done[0])
    assert not found.undecided
    assert page(found, goal, datetime.now().astimezone()).title == "Best: a=1, 80 requests a second"

    found.done.append(done[1])

    assert found.undecided
    assert page(found, goal, datetime.now().astimezone()).title == "Best found: a=2, at least 90 requests a second"


def test_a_server_that_does_not_start_is_said(command, images, tmp_path):
    server = f"{sys.executable} -c 'print(\"no such flag\"); exit({{port}} * 0 + {{code}})'"
    status, printed, error = command(
        "sweep", "--server", server, "--set=code=3", "--images", images, "--out", tmp_path, *LIMITS
    )

    assert status == 1
    assert json.loads(printed)["best"] is None
    assert "the server did not answer" in error
    assert "no such flag" in error


def test_ctrl_c_leaves_the_settings_until_then(start, images, tmp_path):
    given = ("--set=delay=20,21,22,23,24,25,26,27", "--images", images, "--out", tmp_path)
    process = start("sweep", "--server", STUB, *given, *LIMITS)
    assert any(line.startswith("delay=20: ") for line in process.stderr)
    process.send_signal(signal.SIGINT)
    printed, _ = process.communicate(timeout=60)

    assert process.returncode == 130
    assert json.loads(printed)["best"] == {"delay": "20"}
    assert "Partial report" in (tmp_path / "report.html").read_text()
