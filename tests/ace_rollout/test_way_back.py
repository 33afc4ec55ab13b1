"""Rollbacks while servers are away: the case in which somebody needs one most."""

import json

import pytest

NOBODY = "127.0.0.1:1"


@pytest.fixture
def promoted(new_site, tf_serving, capsys):
    """A site with version 2 stable, and 1 before it."""
    site = new_site([tf_serving.address])
    site.put(2)
    for version in (1, 2):
        assert site.run("promote", version) == 0
    capsys.readouterr()
    return site


def test_a_rollback_goes_on_with_the_servers_that_answer_and_names_the_others(promoted, tf_serving, capsys):
    promoted.servers.append(NOBODY)
    promoted.write_settings()

    assert promoted.run("rollback") == 0

    assert tf_serving.labels == {"stable": 1, "canary": 1}
    assert f"left out: Asking {promoted.model} at {NOBODY}" in capsys.readouterr().err
    promoted.run("history", "--json")
    assert list(json.loads(capsys.readouterr().out)[-1]["left_out"]) == [NOBODY]


def test_a_group_that_is_away_keeps_the_other_from_going_back_no_more_than_a_server_does(promoted, tf_serving):
    canary_config = promoted.root / "canary.config"
    canary_config.write_text(promoted.config.read_text())
    promoted.write_settings(f'canary_servers = ["{NOBODY}"]')

    assert promoted.run("rollback") == 0

    assert tf_serving.labels == {"stable": 1, "canary": 1}
    assert "versions: 1" in canary_config.read_text()


def test_where_no_server_answers_models_config_goes_back_and_resume_completes_it(promoted, tf_serving, capsys):
    """As where the version crashes all of them: what they come up with must not be that version again."""
    promoted.servers[:] = [NOBODY]
    promoted.write_settings()

    assert promoted.run("rollback", "--why", "crashes") == 1

    assert "ace-rollout resume" in capsys.readouterr().err
    assert "versions: 2" not in promoted.config.read_text()
    promoted.servers[:] = [tf_serving.address]
    promoted.write_settings()
    assert promoted.run("resume") == 0
    assert tf_serving.labels == {"stable": 1, "canary": 1}
    assert not list(promoted.root.glob("*.journal"))


@pytest.mark.parametrize("command", [("publish", "1"), ("retire",), ("rollback",)])
def test_what_to_do_about_servers_that_are_away_is_asked_only_where_it_counts(promoted, command):
    with pytest.raises(SystemExit, match="2"):
        promoted.run(*command, "--unreachable", "go-on")
