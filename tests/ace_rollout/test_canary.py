"""Canaries on two real servers: good ones through to the end, bad ones back."""

import json
import os
import signal
import time
from pathlib import Path

import pytest

from ace_rollout.config_file import Config, ConfigFile, Served
from ace_rollout.servers import Server, Target

from .trials import QUICK, Callers, acts, entries, wait_for


def test_a_good_canary_is_promoted_by_itself_and_no_call_is_lost(trial):
    trial.put(2)

    with Callers(trial) as callers:
        assert trial.run("canary", "2", "--steps", "10,50,100", "--hold", "0.5s", "--why", "newer") == 0

    assert callers.errors == []
    assert {1, 2} == set(callers.versions)
    assert acts(trial)[1:] == [
        ("canary loaded", None),
        ("canary held", 0.0),
        ("canary step", 10.0),
        ("canary held", 10.0),
        ("canary step", 50.0),
        ("canary held", 50.0),
        ("canary step", 100.0),
        ("canary held", 100.0),
        ("promoted", None),
    ]
    assert trial.weights == {"stable": 100}
    assert {finding["gate"] for finding in entries(trial)[-1]["evidence"] if finding["passed"]} >= {"golden", "errors"}
    assert not list(trial.root.glob("*.journal"))


@pytest.mark.parametrize(
    ("kind", "gate"),
    [
        ("shifted", "golden"),
        ("failing", "errors"),
        ("slow", "latency"),
        ("broken", "loads"),
        ("trained on other pixels", "changed_labels"),
        ("calibrated differently", "drift"),
        ("of one class", "drift"),
    ],
)
def test_a_bad_canary_is_taken_back_before_any_caller_meets_it(kind, gate, trial, capsys):
    trial.put(2, kind)

    assert trial.run("canary", "2", "--steps", "10,100", "--hold", "0s") == 3

    assert gate in capsys.readouterr().err
    assert trial.weights == {"stable": 100}
    last = entries(trial)[-1]
    assert last["what"] == "canary taken back"
    assert gate in {finding["gate"] for finding in last["evidence"]}
    if gate in ("changed_labels", "drift"):
        assert {"errors", "p99"} <= {finding["gate"] for finding in entries(trial)[-2]["evidence"]}  # for its drawing
    assert not any(what == "canary step" for what, _ in acts(trial))
    assert trial.run("status", "--json") == 0
    assert json.loads(capsys.readouterr().out)["notes"] == []


def test_a_canary_that_fails_one_call_in_twenty_is_taken_back_within_its_first_steps(trial):
    """Of 200 pairs a second some 250 are needed: before the calls are split, or at the first or second share."""
    trial.put(2, "seldom failing")

    with Callers(trial) as callers:
        assert trial.run("canary", "2", "--steps", "1,5,25,50,100", "--hold", "3s") == 3

    assert trial.weights == {"stable": 100}
    assert {finding["gate"] for finding in entries(trial)[-1]["evidence"]} == {"errors"}
    assert {share for what, share in acts(trial) if what == "canary step"} <= {1.0, 5.0}
    assert callers.versions.count(2) <= 0.1 * len(callers.versions)


@pytest.mark.slow
def test_a_canary_that_crashes_whoever_loads_it_is_taken_back_and_the_server_answers_on(trial, serve, start):
    """A server of this test's own, which tries versions in a child: that is killed, as by a bug in its graph."""
    flags = (f"--model_config_file={trial.config}", "--load_retry_interval_micros=200000", "--trial_load")
    server = serve(None, *flags)
    trial.servers[:] = [server.address]
    trial.write_settings(QUICK)
    trial.put(2)
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")

    with Callers(trial) as callers:
        process = start("canary", "2", "--steps", "10,100", "--hold", "0s")
        while process.poll() is None:
            for child in children.read_text().split():
                os.kill(int(child), signal.SIGSEGV)
            time.sleep(0.02)

    assert process.returncode == 3
    assert "SIGSEGV" in process.stderr.read()
    assert [finding["gate"] for finding in entries(trial)[-1]["evidence"]] == ["loads"]
    assert callers.errors == []
    assert set(callers.versions) == {1}


def test_a_canary_that_turns_bad_is_taken_back_calls_first(trial, capsys, start):
    """Bad from the second step on: its label is put where nothing answers."""
    trial.write_settings(QUICK.replace("200.0", "100.0"))
    trial.put(2)
    process = start("canary", "2", "--steps", "10,50", "--hold", "60s")
    wait_for(lambda: ("canary step", 10.0) in acts(trial))

    for address in trial.servers:
        bring(trial, address, without_canary(trial))

    assert process.wait(timeout=60) == 3
    assert trial.weights == {"stable": 100}
    assert {finding["gate"] for finding in entries(trial)[-1]["evidence"]} == {"errors"}


def test_calls_are_taken_back_though_somebody_broke_models_config(trial, start):
    trial.write_settings(QUICK.replace("200.0", "100.0"))
    trial.put(2)
    process = start("canary", "2", "--steps", "10,50", "--hold", "60s")
    wait_for(lambda: ("canary step", 10.0) in acts(trial))
    good, without = trial.config.read_text(), without_canary(trial)

    trial.config.write_text("model_config_list {")
    for address in trial.servers:
        bring(trial, address, without)

    assert process.wait(timeout=60) == 1
    assert "Mend it by hand" in process.stderr.read()
    assert trial.weights == {"stable": 100}
    trial.config.write_text(good)
    assert trial.run("rollback") == 0


def without_canary(site) -> Config:
    return ConfigFile(site.config, site.model).read().serving(Served((1,), {"stable": 1}))


def bring(site, address: str, config: Config) -> None:
    """Tells a server so behind the tool's back."""
    server = Server(Target(address, site.model))
    server.bring(config, time.monotonic() + 30)
    server.close()


def test_a_canary_that_ends_below_all_calls_waits_for_promote(trial, capsys):
    trial.put(2)
    assert trial.run("canary", "2", "--steps", "10", "--hold", "0s") == 0
    assert trial.weights == {"stable": 90, "canary": 10}

    trial.put(3)
    assert trial.run("canary", "3") == 1
    assert "`canary 2` is under way" in capsys.readouterr().err
    assert trial.run("promote") == 0
    assert trial.weights == {"stable": 100}


def test_a_canary_that_has_ended_goes_on_with_higher_steps(trial, capsys):
    trial.put(2)
    assert trial.run("canary", "2", "--steps", "10", "--hold", "0s") == 0
    assert trial.run("canary", "2", "--steps", "5,50", "--hold", "0s") == 1
    assert "Give steps above that" in capsys.readouterr().err

    assert trial.run("canary", "2", "--steps", "50,100", "--hold", "0s") == 0

    assert [share for what, share in acts(trial) if what == "canary step"] == [10.0, 50.0, 100.0]
    assert acts(trial)[-1] == ("promoted", None)


def test_the_version_before_stays_loaded_while_another_is_tried_and_taken_back(trial):
    trial.put(2)
    trial.put(3, "shifted")
    assert trial.run("promote", "2") == 0

    assert trial.run("canary", "3", "--hold", "0s") == 3

    assert set(ConfigFile(trial.config, trial.model).read().served.versions) == {1, 2}


def test_without_a_stable_version_there_is_no_canary(site, capsys):
    site.put(2)
    assert site.run("canary", "2") == 1
    assert "ace-rollout promote 1" in capsys.readouterr().err


def test_a_dry_run_says_the_steps_and_changes_nothing(trial, capsys):
    trial.put(2)
    before = trial.snapshot()

    assert trial.run("canary", "2", "--steps", "5,50", "--hold", "2m", "--dry-run") == 0

    assert capsys.readouterr().out == "canary 2: 5 %, 50 %, 120 s each\n"
    assert trial.snapshot() == before


@pytest.mark.parametrize("flags", [("--steps", "50,10"), ("--steps", "0,10"), ("--steps", "x"), ("--hold", "soon")])
def test_shares_and_times_that_are_none_are_a_usage_error(flags, trial):
    with pytest.raises(SystemExit, match="2"):
        trial.run("canary", "2", *flags)
