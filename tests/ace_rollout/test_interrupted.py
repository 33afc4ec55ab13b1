"""Canaries that are paused, wished back or killed, or whose server or clock is not what it was."""

import os
import signal
import subprocess
from datetime import datetime, timedelta

import pytest

from ace_client import Detector
from ace_rollout.lock import locked

from .trials import QUICK, acts, end_hold_at_once, entries, wait_for


def test_a_canary_stays_at_its_share_while_paused_and_goes_on_when_resumed(trial, start):
    trial.put(2)
    process = start("canary", "2", "--steps", "10,100", "--hold", "0.3s")
    wait_for(lambda: ("canary step", 10.0) in acts(trial))
    assert trial.run("pause", "--why", "lunch") == 0
    share = trial.weights

    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=1.5)  # five times as long as the step holds
    assert trial.weights == share

    assert trial.run("resume") == 0
    assert process.wait(timeout=60) == 0
    assert acts(trial)[-1] == ("promoted", None)


def test_a_canary_is_rolled_back_on_demand_which_no_pause_puts_off(trial, capsys, start):
    trial.put(2)
    process = start("canary", "2", "--steps", "10,50,100", "--hold", "60s")
    wait_for(lambda: ("canary step", 10.0) in acts(trial))
    process.send_signal(signal.SIGSTOP)  # so that the wish waits
    rollback = start("rollback", "--why", "complaints")
    wait_for(lambda: list(trial.root.glob(".*.wish")) + list(trial.root.glob("*.wish")))

    assert trial.run("pause") == 1
    assert "is being taken back" in capsys.readouterr().err
    assert trial.run("resume") == 1
    process.send_signal(signal.SIGCONT)

    assert process.wait(timeout=60) == 3
    assert rollback.wait(timeout=60) == 0
    assert "complaints" in process.stderr.read()
    assert trial.weights == {"stable": 100}
    assert entries(trial)[-1]["what"] == "canary taken back"


def test_only_the_process_of_a_canary_is_taken_for_it(trial, capsys, start):
    """Another command at work on the model neither watches it nor goes on with it."""
    trial.put(2)
    assert trial.run("canary", "2", "--steps", "10", "--hold", "0s") == 0
    with locked(trial.root / "models.config.lock", f"ace-rollout publish of {trial.model}"):
        assert trial.run("resume") == 1
        assert "ace-rollout publish" in capsys.readouterr().err
        trial.run("status")
        assert "has passed its last step, and nobody watches it" in capsys.readouterr().out


def test_a_killed_canary_is_named_by_status_and_goes_on_where_it_stood(trial, capsys, start):
    trial.put(2)
    process = start("canary", "2", "--steps", "10,100", "--hold", "60s")
    wait_for(lambda: ("canary step", 10.0) in acts(trial))
    process.send_signal(signal.SIGKILL)
    process.wait()
    trial.run("status")
    assert "nobody watches it" in capsys.readouterr().out

    end_hold_at_once(trial)
    assert trial.run("resume") == 0

    assert trial.weights == {"stable": 100}
    assert acts(trial)[-3:] == [("canary step", 100.0), ("canary held", 100.0), ("promoted", None)]


STAGES = ["canary 2 is loaded", "golden", "gets 10 %", "gets 100 %"]


@pytest.mark.parametrize("stage", STAGES)
def test_a_canary_killed_at_any_stage_is_taken_back_whole(stage, trial, start):
    trial.put(2)
    process = start("canary", "2", "--steps", "10,100", "--hold", "0.3s")
    for line in process.stderr:
        if stage in line:
            break
    os.kill(process.pid, signal.SIGKILL)
    process.wait()

    assert trial.run("rollback") == 0

    assert trial.weights == {"stable": 100}
    with Detector(trial.servers[0], model=trial.model) as detector:
        assert {detector.detect(b"x", label=label)[0].version for label in ("stable", "canary")} == {1}
    assert not list(trial.root.glob("*.journal"))


@pytest.mark.slow
def test_a_server_that_is_killed_and_comes_back_delays_a_canary_and_does_not_fail_it(trial, serve, capsys, start):
    """A third server, of this test's own, with the models.config as it stands."""
    flags = (f"--model_config_file={trial.config}",)
    server = serve(None, *flags)
    trial.servers.append(server.address)
    trial.write_settings(QUICK)
    trial.put(2)
    process = start("canary", "2", "--steps", "10,100", "--hold", "1s")
    wait_for(lambda: ("canary step", 10.0) in acts(trial))
    server.stop(signal.SIGKILL)
    says = next(line for line in process.stderr if "waits" in line)

    serve(None, *flags, f"--port={server.address.rpartition(':')[2]}")

    assert server.address in says
    _, rest = process.communicate(timeout=120)
    assert process.returncode == 0, rest
    assert acts(trial)[-1] == ("promoted", None)


MONTH = timedelta(days=30)


@pytest.mark.slow
def test_a_clock_that_jumps_neither_ends_nor_prolongs_a_hold_and_the_history_stays_in_order(
    trial, set_clock, start, capsys
):
    """A month on while 10 % is held, and back while 100 % is."""

    def dated(share: float) -> list[tuple[str, int]]:
        """What is said of this share, in the order of the history, and days since the first entry."""
        days = [(datetime.fromisoformat(each["at"]) - began).days for each in entries(trial)]
        said = zip(entries(trial), days, strict=False)
        return [(each["what"], day) for each, day in said if each.get("share") == share]

    trial.put(2)
    began = datetime.fromisoformat(entries(trial)[0]["at"])
    process = start("canary", "2", "--steps", "10,100", "--hold", "4s")
    wait_for(lambda: dated(10.0))
    set_clock(MONTH)
    wait_for(lambda: dated(100.0))
    set_clock(timedelta())

    assert process.wait(timeout=60) == 0
    assert ("canary watched", 30) in dated(10.0)  # after the jump it was held on
    assert dated(100.0)[0] == ("canary step", 30)
    assert dated(100.0)[-1] == ("canary held", 0)
    assert acts(trial)[-1] == ("promoted", None)
    assert trial.run("history", "--html", trial.root / "out.html") == 0
    assert trial.run("history") == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("  promoted 2")
