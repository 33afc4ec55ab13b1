from pathlib import Path

import pytest

from ace_training.config_file import config_names, read_config, to_toml
from ace_training.errors import ConfigError


def changed(tmp_path: Path, old: str, new: str) -> str:
    """The path of the demo's config with one text in it replaced."""
    text = to_toml(read_config("demo"))
    assert old in text
    file = tmp_path / "mine.toml"
    file.write_text(text.replace(old, new))
    return str(file)


def test_the_package_has_three_configs():
    assert config_names() == ["demo", "smoke", "xception"]


@pytest.mark.parametrize("name", config_names())
def test_what_is_written_reads_as_the_same_config(name, tmp_path):
    (tmp_path / "same.toml").write_text(to_toml(read_config(name)))

    assert read_config(str(tmp_path / "same.toml")) == read_config(name)


def test_changes_are_made_and_checked():
    assert read_config("demo", {"optimisation.epochs": 3}).optimisation.epochs == 3
    with pytest.raises(ConfigError, match=r"^demo: optimisation.epochs is 0: choose 1 or more."):
        read_config("demo", {"optimisation.epochs": 0})


def test_whole_numbers_are_numbers(tmp_path):
    assert read_config(changed(tmp_path, "width = 0.125", "width = 1")).model.width == 1.0


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("width = 0.125", "witdh = 0.125", "model.witdh is not known here. The nearest name that is: model.width."),
        ("[data]", "[date]", "date is not known here. The nearest name that is: data."),
        ("width = 0.125\n", "", "model.width is missing, and a config says everything. Copy it from demo.toml."),
        ("width = 0.125", "width = 7", "model.width is 7.0: choose above 0 and at most 1."),
        ("width = 0.125", 'width = "narrow"', "model.width is 'narrow': it has to be a number."),
        ("epochs = 12", "epochs = 12.5", "optimisation.epochs is 12.5: it has to be a whole number."),
        ("epochs = 12", "epochs = true", "optimisation.epochs is True: it has to be a whole number."),
        ("deterministic = true", "deterministic = 1", "optimisation.deterministic is 1: it has to be true or false."),
        ("[30.0, 100.0]", "[30]", "augmentation.jpeg_qualities is [30]: it has to be two numbers in brackets."),
        ("width = 0.125", "width =", "is no TOML file: Invalid value (at line 3, column 8)."),
    ],
)
def test_what_is_wrong_is_named_with_file_and_key(tmp_path, old, new, message):
    file = changed(tmp_path, old, new)
    with pytest.raises(ConfigError) as refused:
        read_config(file)

    assert str(refused.value) in (f"{file}: {message}", f"{file} {message}")


def test_a_name_that_is_no_config_is_told_the_names():
    with pytest.raises(
        ConfigError, match=r"big cannot be read: .* Pass --config with one of demo, smoke, xception, or"
    ):
        read_config("big")
