"""Versions brought to two real servers, and back."""

import json

import pytest

from ace_client import Detector
from ace_rollout.config_file import Served
from ace_rollout.rollout import opened
from ace_rollout.settings import read_settings


def answering(site, label: str) -> list[int | None]:
    """The version that a label's callers get, by server."""
    found = []
    for address in site.servers:
        with Detector(address, model=site.model, deadline_s=10) as detector:
            found.append(detector.detect(b"image", label=label)[0].version)
    return found


@pytest.fixture
def promoted(site, capsys):
    """The site with version 1 stable, and version 2 in its folder."""
    assert site.run("promote", "1") == 0
    site.put(2)
    capsys.readouterr()
    return site


def test_a_promoted_version_answers_on_every_server_under_both_labels(promoted):
    assert promoted.run("promote", "2") == 0

    assert answering(promoted, "stable") == answering(promoted, "canary") == [2, 2]
    assert promoted.weights == {"stable": 100}


def test_the_version_before_stays_loaded_and_a_third_lets_it_go(promoted, capsys):
    promoted.put(3)
    for version in (2, 3):
        assert promoted.run("promote", version) == 0

    assert "specific {\n        versions: 2\n        versions: 3\n      }" in promoted.config.read_text()


def test_rollback_returns_to_the_version_that_was_stable_before(promoted):
    promoted.run("promote", "2")

    assert promoted.run("rollback", "--why", "complaints") == 0

    assert answering(promoted, "stable") == [1, 1]
    assert "versions: 2" not in promoted.config.read_text()


def test_rollback_refuses_where_there_is_nothing_to_go_back_to(promoted, capsys):
    assert promoted.run("rollback") == 1
    assert "names no version before this one" in capsys.readouterr().err


def test_a_version_that_does_not_load_leaves_file_servers_and_routing_as_they_were(promoted, capsys):
    promoted.put(3, "broken")
    before = promoted.snapshot()

    assert promoted.run("promote", "3") == 1

    assert "version 3" in capsys.readouterr().err
    changed = {path for path, content in promoted.snapshot().items() if before.get(path) != content}
    assert {path.rpartition("/")[2] for path in changed} == {"rollout-history.jsonl"}
    assert answering(promoted, "stable") == [1, 1]


def test_a_dry_run_says_what_would_change_and_changes_nothing(promoted, capsys):
    before = promoted.snapshot()

    assert promoted.run("promote", "2", "--dry-run") == 0

    assert promoted.snapshot() == before
    assert capsys.readouterr().out == ("versions: 1 → 1, 2\nlabels: canary 1, stable 1 → canary 2, stable 2\n")


def test_the_history_says_who_did_what_when_and_why(promoted, capsys):
    promoted.run("promote", "2", "--why", "better on video")
    capsys.readouterr()

    assert promoted.run("history", "--json") == 0

    entries = json.loads(capsys.readouterr().out)
    assert [(each["what"], each["version"], each["why"]) for each in entries] == [
        ("promoted", 1, ""),
        ("promoted", 2, "better on video"),
    ]
    assert {"at", "who", "from", "to", "sha256"} <= entries[-1].keys()


def test_the_history_names_the_canary_that_was_taken_back(new_site, tf_serving, capsys):
    """By hand, once the process that ran it has ended."""
    site = new_site([tf_serving.address])
    assert site.run("promote", "1") == 0
    site.put(2)
    with opened(read_settings(site.root / "rollout.toml"), None) as rollout:
        rollout.bring(Served((1, 2), {"stable": 1, "canary": 2}))

    assert site.run("rollback", "--why", "complaints") == 0

    assert site.run("history") == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("  canary taken back 2  complaints")


def test_an_unreachable_server_stops_the_rollout_before_anything_is_changed(promoted, capsys):
    promoted.servers.append("127.0.0.1:1")
    promoted.write_settings()
    before = promoted.snapshot()

    assert promoted.run("promote", "2") == 1

    assert "127.0.0.1:1" in capsys.readouterr().err
    changed = {path for path, content in promoted.snapshot().items() if before.get(path) != content}
    assert {path.rpartition("/")[2] for path in changed} <= {"rollout-history.jsonl"}


def test_an_unreachable_server_is_named_and_left_out_where_that_is_asked_for(promoted, capsys):
    promoted.servers.append("127.0.0.1:1")
    promoted.write_settings()

    assert promoted.run("promote", "2", "--unreachable", "go-on") == 0

    assert "left out" in capsys.readouterr().err
    promoted.servers.pop()
    assert answering(promoted, "stable") == [2, 2]


def test_what_a_killed_promotion_left_is_found_and_the_same_command_completes_it(promoted, capsys):
    """The file names the new version, and no server has been told."""
    text = promoted.config.read_text()
    promoted.config.write_text(text.replace("versions: 1", "versions: 1\n versions: 2", 1))

    assert promoted.run("promote", "2") == 0

    assert answering(promoted, "stable") == [2, 2]


def test_a_version_whose_files_are_not_those_of_its_manifest_is_not_promoted(promoted, capsys):
    (promoted.folder / "2" / "saved_model.pb").write_bytes(b"other")

    assert promoted.run("promote", "2") == 1

    assert "saved_model.pb is changed" in capsys.readouterr().err
    assert answering(promoted, "stable") == [1, 1]


def test_status_says_version_by_version_who_serves_it_to_whom(promoted, capsys):
    (promoted.root / "routing.json").write_text('{"weights": {"stable": 3, "nightly": 1}}')
    promoted.servers.append("127.0.0.1:1")
    promoted.write_settings()

    assert promoted.run("status") == 0

    rows, notes = [], []
    for line in capsys.readouterr().out.splitlines():
        (notes if line.startswith("!") else rows).append(line.split())
    assert rows == [
        ["version", "labels", "share", *sorted(promoted.servers[:2])],
        ["1", "canary,stable", "75%", "AVAILABLE", "AVAILABLE"],
        ["2", "-", "-", "-", "-"],
    ]
    assert [note[1] for note in notes] == ["127.0.0.1:1", str(promoted.root / "routing.json")]
