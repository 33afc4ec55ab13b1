"""A promotion killed before each of its changes to the disk, one after another: it is completed, or undone, whole."""

import json
import subprocess
import sys

import pytest

# An audit hook sees each rename and removal before it is done: at the one asked for, the process ends as by SIGKILL.
KILLED_AT = """
import os, sys
left = int(sys.argv.pop(1))
def hook(event, _):
    global left
    if event in ("os.rename", "os.remove"):
        left -= 1
        if not left:
            os.kill(os.getpid(), 9)
sys.addaudithook(hook)
from ace_rollout.__main__ import main
sys.exit(main())
"""
CHANGES = 6  # journal; models.config with version 3, with its labels, without version 1; routing file; no journal


def run_killed(site, change: int, command: str, *arguments: str) -> int:
    words = [command, "--config", site.root / "rollout.toml", *arguments]
    return subprocess.run([sys.executable, "-c", KILLED_AT, *map(str, [change, *words])], timeout=60).returncode


@pytest.fixture
def promoted(new_site, tf_serving):
    """A site with version 2 stable, 1 loaded beside it, and 3 in its folder."""
    site = new_site([tf_serving.address])
    for version in (2, 3):
        site.put(version)
    assert site.run("promote", "1") == 0
    assert site.run("promote", "2") == 0
    return site


def is_stable(site, tf_serving, version: int) -> bool:
    """File, server and routing agree on the version, and nothing is under way."""
    labels = {"stable": version, "canary": version}
    return (
        tf_serving.labels == labels
        and f'key: "stable"\n      value: {version}\n' in site.config.read_text()
        and site.weights == {"stable": 100}
        and not list(site.root.glob("*.journal"))
        and not list(site.root.glob(".*.new"))
    )


@pytest.mark.parametrize("change", range(1, CHANGES + 1))
def test_a_promotion_killed_anywhere_is_completed_by_the_same_command(change, promoted, tf_serving):
    assert run_killed(promoted, change, "promote", "3") == -9

    assert promoted.run("promote", "3") == 0

    assert is_stable(promoted, tf_serving, 3)
    assert tf_serving.lost == []
    assert promoted.run("rollback") == 0
    assert is_stable(promoted, tf_serving, 2)


@pytest.mark.parametrize("change", [2, 5])
def test_a_killed_promotion_is_named_by_status_and_completed_by_resume(change, promoted, tf_serving, capsys):
    assert run_killed(promoted, change, "promote", "3") == -9
    promoted.run("status")
    assert "`promote 3`" in capsys.readouterr().out

    assert promoted.run("resume") == 0

    assert is_stable(promoted, tf_serving, 3)


@pytest.mark.parametrize("change", [3, 4, 6])
def test_a_killed_promotion_is_undone_by_rollback(change, promoted, tf_serving):
    assert run_killed(promoted, change, "promote", "3") == -9

    assert promoted.run("rollback", "--to", "2") == 0

    assert is_stable(promoted, tf_serving, 2)


def test_a_promotion_makes_no_more_changes_than_were_killed(promoted, tf_serving):
    assert run_killed(promoted, CHANGES + 1, "promote", "3") == 0
    assert is_stable(promoted, tf_serving, 3)


def test_a_rollback_killed_after_its_first_change_has_moved_the_calls_already(promoted, tf_serving):
    (promoted.root / "routing.json").write_text(json.dumps({"weights": {"stable": 50, "canary": 50}}))

    assert run_killed(promoted, 2, "rollback", "--to", "1") == -9

    assert promoted.weights == {"stable": 100}
    assert promoted.run("rollback", "--to", "1") == 0
    assert is_stable(promoted, tf_serving, 1)
