"""models.config, the history, the journal and rollout.toml, as people and crashes leave them."""

import pytest

from ace_rollout.config_file import ConfigFile, Served
from ace_rollout.errors import EditedMeanwhile, SettingsError
from ace_rollout.history import History
from ace_rollout.settings import read_settings

CONFIG = """\
model_config_list {
  config { name: "other" base_path: "/models/other" model_platform: "tensorflow" }
  config {
    name: "detector"
    base_path: "/models/detector"
    model_platform: "tensorflow"
    logging_config { log_collector_config { filename_prefix: "/var/log/x" } sampling_config { sampling_rate: 0.01 } }
  }
}
"""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "models.config"
    path.write_text(CONFIG)
    return path


def test_a_change_leaves_everything_else_of_the_file_as_it_is(path):
    file = ConfigFile(path, "detector")
    before = file.read()

    file.write(before.serving(Served((2, 1), {"stable": 1})))

    after = ConfigFile(path, "detector").read()
    assert after.served == Served((1, 2), {"stable": 1})
    assert after.message.model_config_list.config[0] == before.message.model_config_list.config[0]
    assert after.entry.logging_config == before.entry.logging_config


def test_an_edit_made_meanwhile_is_kept(path):
    file = ConfigFile(path, "detector")
    config = file.read()
    path.write_text(CONFIG + "# by hand\n")

    with pytest.raises(EditedMeanwhile, match="was edited"):
        file.write(config)

    assert path.read_text().endswith("# by hand\n")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("model_config_list { conf", "is no ModelServerConfig"),
        ("model_config_list {}", "names the model 'detector' 0 times"),
        (CONFIG.replace('"other"', '"detector"', 1), "2 times"),
        ("model_config_list { config { nmae: 'x' } }", "nmae"),
    ],
)
def test_a_file_that_somebody_broke_is_named_with_what_is_wrong(path, text, words):
    path.write_text(text)
    with pytest.raises(SettingsError, match=words):
        ConfigFile(path, "detector").read()


def test_the_file_keeps_its_mode(path):
    path.chmod(0o640)
    file = ConfigFile(path, "detector")

    file.write(file.read().serving(Served((1,))))

    assert path.stat().st_mode & 0o777 == 0o640


def test_a_torn_line_of_the_history_is_passed_over_and_the_next_begins_afresh(tmp_path):
    history = History(tmp_path)
    history.add("published", 1)
    history.path.write_text(history.path.read_text() + '{"at": "2026-')

    history.add("published", 2)

    assert [entry["version"] for entry in history.entries()] == [1, 2]


@pytest.mark.parametrize(
    ("acts", "stable", "good"),
    [
        ([], None, None),
        ([("promoted", 1)], 1, None),
        ([("promoted", 1), ("promoted", 2)], 2, 1),
        ([("promoted", 1), ("promoted", 2), ("rolled back", 1)], 1, None),
        ([("promoted", 1), ("promoted", 2), ("rolled back", 1), ("promoted", 3)], 3, 1),
        ([("promoted", 1), ("promoted", 2), ("promoted", 3), ("rolled back", 2)], 2, 1),
        ([("promoted", 1)], 2, 1),  # killed before it could be written down that 2 is stable
    ],
)
def test_the_way_back_leads_to_the_last_version_that_nobody_rolled_back_from(acts, stable, good, tmp_path):
    history = History(tmp_path)
    for what, version in acts:
        history.add(what, version)

    assert history.good_before(stable) == good


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("serves = ['a:1']", "serves is no setting: did you mean servers"),
        ("servers = 'a:1'", "servers is 'a:1', and must be a list"),
        ("servers = []", "name each server once"),
        ("", "servers"),
        ("servers = ['a:1']\n[gates.errors]\nfalse_alarms = 1", "gates.errors.false_alarms is no setting"),
        ("servers = ['a:1']\n[gates.errors]\nfalse_alarm = 2.0", "must be between 0 and 1"),
        ("servers = ['a:1']\n[gates]\noff = ['golde']", "golde"),
        ("servers = ['a:1']\n[envoy]\nfile = 'routes.json'", "canary_servers is not"),
        ("servers = ['a:1']\ncanary_config = 'canary.config'", "canary_servers, who follow it, are not"),
        ("servers = ['a:1']\ncanary_servers = ['b:1']\ncanary_config = './models.config'", "a file of its own"),
        ("servers = ['a:1']\nstore = 's3://bucket/models'", "as `folder` one of this machine's own"),
        ("servers = ['a:1']\nfolder = 'models'\nstore = 'elsewhere'", "give a URL"),
        ("servers = [", "rollout.toml"),
    ],
)
def test_a_setting_that_cannot_be_is_named(tmp_path, text, words):
    path = tmp_path / "rollout.toml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=words):
        read_settings(path)


def test_paths_are_relative_to_the_file(tmp_path):
    path = tmp_path / "rollout.toml"
    path.write_text("servers = ['a:1']\nrouting = 'shared/routing.json'\n[probes]\nimages = 'probes'")

    settings = read_settings(path)

    assert settings.config == tmp_path / "models.config"
    assert settings.routing == tmp_path / "shared/routing.json"
    assert settings.probes.images == tmp_path / "probes"
