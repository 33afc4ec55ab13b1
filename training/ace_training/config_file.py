"""TOML → `Config` and back. A config is whole: every key is in the file, so that nothing is set where nobody looks."""

import dataclasses
import difflib
import json
import sys
import typing
from importlib import resources
from pathlib import Path
from typing import Any, Final, TypeVar

from . import config
from .config import Config
from .errors import ConfigError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Section = TypeVar("Section")
_SECTIONS: Final = {
    "model": config.Model,
    "data": config.Data,
    "augmentation": config.Augmentation,
    "optimisation": config.Optimisation,
}
_TYPE_NAMES: Final = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    config.Span: "two numbers in brackets",
}


def config_names() -> list[str]:
    """Those that come with the package."""
    return sorted(file.name.removesuffix(".toml") for file in _folder().iterdir() if file.name.endswith(".toml"))


def read_config(name: str, changes: dict[str, Any] | None = None) -> Config:
    """The config of that name, or in that file, with the `changes` made to it: `{"optimisation.epochs": 3}`.

    Raises:
        ConfigError: there is none, or what it says is no config; the message names the file and the key.
    """
    file = _folder() / f"{name}.toml" if name in config_names() else Path(name)
    try:
        sections = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"{name} cannot be read: {error.strerror}. Pass --config with one of {', '.join(config_names())}, "
            "or with a file that is like them."
        ) from error
    except ValueError as error:  # tomllib's and the decoder's
        raise ConfigError(f"{name} is no TOML file: {error}.") from error
    try:
        return _config(sections, changes or {})
    except ConfigError as error:
        raise ConfigError(f"{name}: {error}") from error


def to_toml(chosen: Config) -> str:
    """The text of a config file that says the same."""
    lines = []
    for name in _SECTIONS:
        lines.append(f"[{name}]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in vars(getattr(chosen, name)).items()]
        lines.append("")
    return "\n".join(lines)


def _folder() -> Any:  # a Traversable, whose place in the standard library changes between versions
    return resources.files(__package__) / "configs"


def _config(sections: dict[str, Any], changes: dict[str, Any]) -> Config:
    _check_names("", set(sections), set(_SECTIONS))
    for place, value in changes.items():
        section, key = place.split(".")
        sections[section] |= {key: value}
    return Config(**{name: _section(name, _SECTIONS[name], sections[name]) for name in _SECTIONS})


def _section(name: str, kind: type[Section], values: Any) -> Section:
    types = typing.get_type_hints(kind)
    if not isinstance(values, dict):
        raise ConfigError(f"{name} is {values!r}: begin a section with [{name}].")
    _check_names(f"{name}.", set(values), set(types))
    return kind(**{key: _typed(f"{name}.{key}", types[key], value) for key, value in values.items()})


def _check_names(prefix: str, met: set[str], known: set[str]) -> None:
    for name in sorted(met - known):
        nearest = difflib.get_close_matches(name, known, n=1, cutoff=0) or sorted(known)
        raise ConfigError(f"{prefix}{name} is not known here. The nearest name that is: {prefix}{nearest[0]}.")
    if missing := sorted(known - met):
        raise ConfigError(f"{prefix}{missing[0]} is missing, and a config says everything. Copy it from demo.toml.")


def _typed(place: str, kind: Any, value: Any) -> Any:
    """The value as the type asked for: whole numbers are numbers too, and brackets a pair."""
    if kind is float and type(value) is int:
        return float(value)
    if (
        kind == config.Span
        and isinstance(value, list)
        and [type(number) in (int, float) for number in value] == [True] * 2
    ):
        return float(value[0]), float(value[1])
    if type(value) is not kind:
        raise ConfigError(f"{place} is {value!r}: it has to be {_TYPE_NAMES[kind]}.")
    return value


def as_dict(chosen: Config) -> dict[str, Any]:
    """Its sections, as JSON knows values."""
    sections: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(chosen)))
    return sections
