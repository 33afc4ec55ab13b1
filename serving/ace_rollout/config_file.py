"""models.config, TensorFlow Serving's text file of what is served: the state that a restarted server comes up in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from google.protobuf import text_format

from .errors import EditedMeanwhile, SettingsError
from .protos.model_config_pb2 import ModelConfig, ModelServerConfig
from .replaced_files import replace

STABLE = "stable"
CANARY = "canary"
_HEADER = "# Written by ace-rollout, which changes it as a whole: comments are not kept.\n"


@dataclass(frozen=True)
class Served:
    """Which versions of the model are served, and what they are called."""

    versions: tuple[int, ...] = ()  # rising; () where the file leaves them to the server: `latest` or `all`
    labels: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "versions", tuple(sorted(set(self.versions))))

    @property
    def stable(self) -> int | None:
        """The version that callers are served; None before the first promotion."""
        return self.labels.get(STABLE)

    @property
    def canary(self) -> int | None:
        """The version on trial; None where there is none. Between trials the label is on the stable version."""
        canary = self.labels.get(CANARY)
        return None if canary == self.stable else canary


@dataclass(frozen=True)
class Config:
    """The content of a models.config, and what it says of one model."""

    text: str
    message: ModelServerConfig
    model: str

    @property
    def entry(self) -> ModelConfig:
        """The model's own part."""
        return next(each for each in self.message.model_config_list.config if each.name == self.model)

    @property
    def served(self) -> Served:
        """What the model's part says."""
        return Served(tuple(self.entry.model_version_policy.specific.versions), dict(self.entry.version_labels))

    def serving(self, served: Served) -> "Config":
        """The same with the model served so, its versions named one by one."""
        message = ModelServerConfig()
        message.CopyFrom(self.message)
        changed = Config("", message, self.model)
        changed.entry.model_version_policy.specific.versions[:] = served.versions
        changed.entry.version_labels.clear()
        changed.entry.version_labels.update(served.labels)
        return Config(_HEADER + text_format.MessageToString(message), message, self.model)

    def sharing_folder(self) -> set[int]:
        """The versions that other models of the file serve from the model's folder by number or label."""
        others = (
            each
            for each in self.message.model_config_list.config
            if each.name != self.model and Path(each.base_path) == Path(self.entry.base_path)
        )
        return {
            version
            for each in others
            for version in (*each.model_version_policy.specific.versions, *each.version_labels.values())
        }


class ConfigFile:
    """The file, which others may edit too: what they wrote since it was last read is never overwritten."""

    def __init__(self, path: Path, model: str) -> None:
        self.path = path
        self._model = model
        self._seen: str | None = None

    def read(self) -> Config:
        """What it says.

        Raises:
            SettingsError: it cannot be read, is no ModelServerConfig, or has no such model.
        """
        self._seen = self._text()
        return self._parsed(self._seen)

    def write(self, config: Config) -> None:
        """The file says this, as a whole, on the disk.

        Raises:
            EditedMeanwhile: it is not what was last read or written here.
            SettingsError: it cannot be written.
        """
        if self._text() != self._seen:
            raise EditedMeanwhile(
                f"{self.path} was edited while the rollout was under way, and is left as it was edited. The servers "
                "have what the rollout wrote last. Look at `ace-rollout status`, then run the command again."
            )
        try:
            replace(self.path, config.text)
        except OSError as error:
            raise SettingsError(f"{self.path} cannot be written: {error.strerror}. It says what it said.") from error
        self._seen = config.text

    def _text(self) -> str:
        try:
            return self.path.read_text(encoding="utf-8")
        except OSError as error:
            raise SettingsError(
                f"{self.path} cannot be read: {error.strerror}. Name the servers' --model_config_file in rollout.toml."
            ) from error
        except ValueError as error:
            raise SettingsError(f"{self.path} is no text: {error}.") from error

    def _parsed(self, text: str) -> Config:
        try:
            message = text_format.Parse(text, ModelServerConfig())
        except (text_format.ParseError, ValueError) as error:
            raise SettingsError(f"{self.path} is no ModelServerConfig: {error}. Mend it by hand.") from error
        names = [each.name for each in message.model_config_list.config]
        if names.count(self._model) != 1:
            raise SettingsError(
                f"{self.path} names the model {self._model!r} {names.count(self._model)} times, and must once; "
                f"it has {', '.join(map(repr, names)) or 'none'}. Set `model` in rollout.toml."
            )
        return Config(text, message, self._model)
