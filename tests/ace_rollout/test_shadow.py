"""Shadows on two real servers: live requests of real callers are put to a version that none of them meets."""

import json
import signal

import pytest

from .trials import QUICK, Callers, acts, end_hold_at_once, entries, wait_for

ONLY_GOLDEN = QUICK.replace('images = "probes"', "")


@pytest.fixture
def shadowed(trial):
    """A trial of which only the callers' images tell more than the golden ones."""
    trial.write_settings(ONLY_GOLDEN)
    return trial


def routing(site) -> dict:
    return json.loads((site.root / "routing.json").read_text())


def test_a_good_version_is_compared_on_live_requests_and_stays_loaded_for_a_canary(shadowed, capsys):
    shadowed.put(2)

    with Callers(shadowed) as callers:
        assert shadowed.run("shadow", "2", "--share", "50%", "--hold", "1s", "--why", "newer") == 0

    assert callers.errors == []
    assert set(callers.versions) == {1}
    assert acts(shadowed)[1:] == [
        ("shadow loaded", None),
        ("shadow held", 0.0),
        ("shadow begun", None),
        ("shadow held", 0.0),
    ]
    found = {finding["gate"]: finding for finding in entries(shadowed)[-1]["evidence"]}
    assert {gate: finding["passed"] for gate, finding in found.items()} == dict.fromkeys(
        ("changed_labels", "delta", "drift", "errors"), True
    )
    assert 100 <= found["errors"]["figures"]["pairs"] <= len(callers.versions)
    assert found["delta"]["figures"]["max"] == 0
    assert f"{found['errors']['figures']['pairs']} requests copied" in capsys.readouterr().out
    assert routing(shadowed) == {"weights": {"stable": 100}}
    assert not list(shadowed.root.glob("*.journal"))
    assert shadowed.run("rollback") == 0


def test_a_version_that_differs_on_live_images_alone_is_taken_back(shadowed, capsys):
    shadowed.put(2, "trained on other pixels")

    with Callers(shadowed) as callers:
        assert shadowed.run("shadow", "2", "--share", "100", "--hold", "60s") == 3

    assert callers.errors == []
    assert set(callers.versions) == {1}
    assert "changed_labels failed" in capsys.readouterr().err
    assert routing(shadowed) == {"weights": {"stable": 100}}
    assert entries(shadowed)[-1]["what"] == "canary taken back"


def test_a_shadow_without_callers_says_what_it_waits_for_and_is_taken_back_on_demand(shadowed, start):
    shadowed.put(2)
    process = start("shadow", "2", "--hold", "0s")
    for line in process.stderr:
        if "waits for clients" in line:
            break

    assert "shadow" in routing(shadowed)
    assert shadowed.run("rollback", "--why", "no callers") == 0

    assert process.wait(timeout=60) == 3
    assert "no callers" in process.stderr.read()
    assert routing(shadowed) == {"weights": {"stable": 100}}


def test_a_killed_shadow_goes_on_with_what_has_been_copied(shadowed, capsys, start):
    shadowed.put(2)
    with Callers(shadowed):
        process = start("shadow", "2", "--share", "100", "--hold", "60s")
        wait_for(lambda: sum(map(lines_of, shadowed.root.glob("*-shadow-2-*/*.jsonl"))) > 120)
        process.send_signal(signal.SIGKILL)
        process.wait()
    shadowed.run("status")
    assert "`shadow 2`" in capsys.readouterr().out

    end_hold_at_once(shadowed)
    assert shadowed.run("resume") == 0

    assert entries(shadowed)[-1]["evidence"][-1]["figures"]["pairs"] > 120


def lines_of(file) -> int:
    return file.read_text().count("\n")


def test_behind_proxies_there_is_no_shadow(site, capsys):
    (site.root / "canary.config").write_text(site.config.read_text())
    site.write_settings('canary_servers = ["127.0.0.1:1"]')
    site.put(2)

    assert site.run("shadow", "2") == 1
    assert "Go on with ace-rollout canary" in capsys.readouterr().err


def test_a_dry_run_says_what_would_be_copied_and_changes_nothing(trial, capsys):
    trial.put(2)
    before = trial.snapshot()

    assert trial.run("shadow", "2", "--share", "5%", "--hold", "2m", "--dry-run") == 0

    assert capsys.readouterr().out == "shadow 2: 5 % for 120 s\n"
    assert trial.snapshot() == before


@pytest.mark.parametrize("share", ["0", "101%", "some"])
def test_a_share_that_is_none_is_a_usage_error(share, trial):
    with pytest.raises(SystemExit, match="2"):
        trial.run("shadow", "2", "--share", share)
