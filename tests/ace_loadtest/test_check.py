import json
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest

from ace_loadtest.__main__ import main
from ace_loadtest.arrivals import constant
from ace_loadtest.check import wilson
from ace_loadtest.loads import Closed, Open
from ace_loadtest.plan import Plan, Target
from ace_loadtest.recording import Recording
from ace_loadtest.report import Report
from ace_loadtest.samples import OK, made

LATENCIES_MS = np.random.default_rng(0).lognormal(3, 0.3, 1000)


@pytest.fixture
def kept(tmp_path):
    """Writes the `report.json` of a run with these latencies; its path."""

    def write(latencies_ms, *, failed=0, complete=True, load=None) -> Path:
        status = ["UNAVAILABLE"] * failed + [OK] * (len(latencies_ms) - failed)
        plan = Plan(targets=(Target(address="a:1"),), images=Path(), load=load or Open(constant(100, 10), "constant"))
        recording = Recording(made(latencies_ms, every_s=0.01, status=status), 10.0, (), complete)
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.json"
        path.write_text(json.dumps(Report(plan, recording, datetime.now(timezone.utc)).as_json()))
        return path

    return write


@pytest.fixture
def check(capsys):
    """Runs the command; its exit status, and what it wrote to its standard error."""

    def check(*arguments):
        return main(["check", *map(str, arguments)]), capsys.readouterr().err

    return check


def test_the_same_run_is_no_regression(kept, check):
    path = kept(LATENCIES_MS)

    assert check(path, path) == (0, "")


def test_a_run_that_is_slower_beyond_its_noise_is_exit_status_1(kept, check):
    status, said = check(kept(LATENCIES_MS * 1.3), kept(LATENCIES_MS))

    assert status == 1
    assert "ace-loadtest: worse: p50 is 25.53 ms and was 19.64 ms: +30%" in said


def test_a_run_that_is_faster_is_no_regression(kept, check):
    assert check(kept(LATENCIES_MS * 0.7), kept(LATENCIES_MS)) == (0, "")


def test_what_is_slower_within_the_tolerance_is_no_regression(kept, check):
    slower, before = kept(LATENCIES_MS * 1.3), kept(LATENCIES_MS)

    assert check(slower, before, "--tolerance=0.4") == (0, "")


def test_several_baselines_show_their_noise(kept, check):
    status, _ = check(kept(LATENCIES_MS * 1.3), kept(LATENCIES_MS), kept(LATENCIES_MS * 1.35))

    assert status == 0


@pytest.mark.parametrize(("failed", "status"), [(2, 0), (10, 1)])
def test_more_errors_than_chance_are_a_regression(kept, check, failed, status):
    assert check(kept(LATENCIES_MS, failed=failed), kept(LATENCIES_MS))[0] == status


def test_fewer_answers_of_a_closed_loop_are_a_regression(kept, check):
    load = Closed(1, 10.0)

    status, said = check(kept(LATENCIES_MS[:500], load=load), kept(LATENCIES_MS, load=load))

    assert status == 1
    assert "answers a second" in said


def test_runs_of_different_loads_are_not_compared(kept, check):
    status, said = check(kept(LATENCIES_MS, load=Closed(2, 10.0)), kept(LATENCIES_MS))

    assert status == 1
    assert said.startswith("ace-loadtest: the runs were made by different loads: loop 'closed', in the baseline 'open'")


def test_a_partial_run_is_not_compared(kept, check):
    status, said = check(kept(LATENCIES_MS, complete=False), kept(LATENCIES_MS))

    assert (status, "cannot be compared: it is partial" in said) == (1, True)


@pytest.mark.parametrize("content", ["", "{}", "[]"])
def test_what_is_no_report_is_a_clear_error(kept, check, tmp_path, content):
    (tmp_path / "other").write_text(content)

    status, said = check(tmp_path / "other", kept(LATENCIES_MS))

    assert (status, "is no report.json of a load test" in said) == (1, True)


def test_wilsons_interval_is_that_of_the_literature():
    assert wilson(0.1, 50) == pytest.approx((0.0435, 0.2136), abs=1e-3)
    assert wilson(0.0, 100)[0] == 0
