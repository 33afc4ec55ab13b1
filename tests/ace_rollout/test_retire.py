"""Versions that go when nobody serves, names or may want them."""

import json

import pytest


def listed(site) -> list[str]:
    return sorted(child.name for child in site.folder.iterdir())


@pytest.fixture
def five(new_site, tf_serving, capsys):
    """A site with five versions, of which 1 was stable before 2, which is served."""
    site = new_site([tf_serving.address])
    site.run("promote", "1")
    for version in (2, 3, 4, 5):
        site.put(version)
    site.run("promote", "2")
    capsys.readouterr()
    return site


def test_old_versions_are_deleted_but_for_what_is_served_and_what_was_good_before(five, capsys):
    assert five.run("retire", "--keep", "1") == 0

    assert listed(five) == ["1", "2", "5", "rollout-history.jsonl"]
    assert capsys.readouterr().out == (
        f"3  deleted\n4  deleted\n1  stays: in {five.config}\n2  stays: labelled canary\n5  stays: among the newest 1\n"
    )


def test_the_version_to_roll_back_to_stays_though_nobody_serves_it(five, tf_serving, capsys):
    text = five.config.read_text()
    five.config.write_text(text.replace("        versions: 1\n", ""))
    tf_serving.versions[1] = "END"

    assert five.run("retire", "--keep", "1", "--dry-run", "--json") == 0

    assert json.loads(capsys.readouterr().out)["staying"]["1"] == "the one to roll back to"


def test_what_another_model_of_the_file_serves_from_the_folder_stays(five, capsys):
    other = (
        f'config {{ name: "other" base_path: "{five.folder}" model_version_policy {{ specific {{ versions: 3 }} }} }}'
    )
    five.config.write_text(five.config.read_text().replace("model_config_list {", f"model_config_list {{ {other}"))

    assert five.run("retire", "--keep", "1") == 0

    assert "3  stays: served as another model" in capsys.readouterr().out


def test_nothing_is_deleted_while_a_server_does_not_say_what_it_serves(five, capsys):
    five.servers.append("127.0.0.1:1")
    five.write_settings()

    assert five.run("retire", "--keep", "1") == 1

    assert "nothing was deleted" in capsys.readouterr().err
    assert listed(five)[:5] == ["1", "2", "3", "4", "5"]
