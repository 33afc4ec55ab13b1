"""rollout.toml: which model is rolled out, where its files are, who serves it, and what a canary must pass.

    servers = ["127.0.0.1:8500"]         # every replica
    config = "models.config"             # the servers' --model_config_file
    routing = "routing.json"             # what clients split their calls by

Paths are relative to the file.
"""

import difflib
import sys
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

from ace_client.contract import MODEL_NAME

from .errors import SettingsError
from .policy import Gates, Probes, Prometheus
from .proxies import Envoy, GatewayApi, HAProxy, Proxy

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DEFAULT = "rollout.toml"
_T = TypeVar("_T")
_Table = Mapping[str, Any]


@dataclass(frozen=True)
class Settings:
    """What rollout.toml says.

    Raises:
        ValueError: a value that cannot be.
    """

    servers: tuple[str, ...]
    config: Path = Path("models.config")
    canary_servers: tuple[str, ...] = ()  # behind a proxy: a group that serves the canary alone, as `servers` do stable
    canary_config: Path = Path("canary.config")  # theirs
    routing: Path = Path("routing.json")
    model: str = MODEL_NAME
    folder: Path | None = None  # of the versions, where this machine finds it elsewhere than the servers' base_path
    store: str | None = None  # a URL of fsspec, where servers find them that do not look into `folder`
    load_timeout_s: float = 300.0
    polls: bool = False  # servers read `config` by themselves, and are sent no reloads, which they may not take
    probes: Probes = field(default_factory=Probes)
    gates: Gates = field(default_factory=Gates)
    prometheus: Prometheus | None = None
    envoy: Envoy | None = None
    haproxy: HAProxy | None = None
    gateway_api: GatewayApi | None = None

    @property
    def proxies(self) -> list[Proxy]:
        """Whom to tell how calls are split, beside the clients that read the routing file."""
        return [proxy for proxy in (self.envoy, self.haproxy, self.gateway_api) if proxy]

    def __post_init__(self) -> None:
        every = (*self.servers, *self.canary_servers)
        if not self.servers or len(set(every)) < len(every):
            raise ValueError(f"servers is {list(every)}: name each server once, as host:port")
        if self.store and ("://" not in self.store or self.folder is None):
            raise ValueError(
                f"store is {self.store!r}: give a URL, as s3://bucket/models/detector, and as `folder` one of this "
                "machine's own, where versions and history are kept too"
            )
        if self.proxies and not self.canary_servers:
            raise ValueError(
                "envoy, haproxy or gateway_api is there, canary_servers is not: a call through a proxy has no label, "
                "and would meet the canary at any server. Name those that serve the canary alone"
            )
        if self.canary_servers and self.canary_config.resolve() == self.config.resolve():
            raise ValueError(f"canary_config is {self.canary_config}, as config: each group follows a file of its own")
        if not self.load_timeout_s > 0:
            raise ValueError(f"load_timeout_s is {self.load_timeout_s}: give more than 0")


def read_settings(path: Path) -> Settings:
    """What the file says.

    Raises:
        SettingsError: it cannot be read, or says what it must not; the message names the file and the key.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        if "canary_config" in table and not table.get("canary_servers"):
            raise ValueError("canary_config is there and canary_servers, who follow it, are not")
        return _filled(Settings, table, path.parent, "")
    except OSError as error:
        raise SettingsError(
            f'{path} cannot be read: {error.strerror}. Write `servers = ["127.0.0.1:8500"]` into it, or pass --config.'
        ) from error
    except ValueError as error:  # tomllib's, the decoder's, and those of the values
        raise SettingsError(f"{path}: {error}.") from error


def _filled(kind: type[_T], table: _Table, folder: Path, where: str) -> _T:
    """A dataclass from a table, whose tables fill its own dataclasses."""
    hints = typing.get_type_hints(kind)
    known = [each.name for each in fields(kind)]  # type: ignore[arg-type] # a dataclass
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            advice = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
            raise ValueError(f"{where}{key} is no setting: {advice}")
    values = {each.name: folder / each.default for each in fields(kind) if isinstance(each.default, Path)}  # type: ignore[arg-type]
    values |= {key: _value(hints[key], value, folder, f"{where}{key}") for key, value in table.items()}
    try:
        return kind(**values)
    except TypeError as error:
        raise ValueError(f"{where or 'it'} lacks a setting: {error}") from error


def _value(kind: Any, value: Any, folder: Path, where: str) -> Any:
    if type(None) in typing.get_args(kind):
        [kind] = set(typing.get_args(kind)) - {type(None)}
    if is_dataclass(kind):
        return _filled(kind, _checked(dict, value, where, "a table"), folder, f"{where}.")  # type: ignore[arg-type]
    if typing.get_origin(kind) is Mapping:
        each = typing.get_args(kind)[1]
        tables = _checked(dict, value, where, "a table").items()
        return {key: _value(each, table, folder, f"{where}.{key}") for key, table in tables}
    if kind == tuple[str, ...]:
        return tuple(_checked(str, each, where, "a list of texts") for each in _checked(list, value, where, "a list"))
    if kind is Path:
        return folder / _checked(str, value, where, "a path")
    if kind is float:
        return float(_checked((int, float), value, where, "a number"))
    return _checked(kind, value, where, {int: "a whole number", bool: "true or false"}.get(kind, "a text"))


def _checked(kind: Any, value: Any, where: str, words: str) -> Any:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ValueError(f"{where} is {value!r}, and must be {words}")
    return value
