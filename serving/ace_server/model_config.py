"""ModelServerConfig, from TensorFlow Serving's text files and reload requests, checked as it checks them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from .errors import CallError, InvalidArgument, StartError
from .options import Options
from .repository import VersionPolicy

_PLATFORM = "tensorflow"


@dataclass(frozen=True)
class ModelConfig:
    """One model to serve: where its versions lie, which of them, and what they are called."""

    name: str
    base_path: Path
    platform: str = _PLATFORM
    policy: VersionPolicy = field(default_factory=VersionPolicy)
    labels: Mapping[str, int] = field(default_factory=dict)  # label → version


def configured_models(options: Options) -> dict[str, ModelConfig]:
    """The models that the command line asks for, by a file or by name and base path.

    Raises:
        StartError: the file cannot be read or does not say what it must.
    """
    if options.model_config_file:
        return read_model_config(Path(options.model_config_file))
    return {options.model_name: ModelConfig(options.model_name, Path(options.model_base_path))}


def read_model_config(path: Path) -> dict[str, ModelConfig]:
    """The models of a ModelServerConfig text file by name.

    Raises:
        StartError: the file cannot be read, or is wrong; the message names the file, and line and field where known.
    """
    try:
        message = text_format.Parse(path.read_text(), model_server_config_pb2.ModelServerConfig())
        return models_of(message)
    except OSError as error:
        raise StartError(f"Cannot read --model_config_file={path}: {error.strerror}.") from error
    except (text_format.ParseError, UnicodeDecodeError, CallError) as error:
        raise StartError(f"{path} is no usable ModelServerConfig: {error}") from error


def models_of(config: model_server_config_pb2.ModelServerConfig) -> dict[str, ModelConfig]:
    """The models of the message by name.

    Raises:
        InvalidArgument: in TensorFlow Serving's words, what is wrong with it.
    """
    if config.WhichOneof("config") != "model_config_list":
        raise InvalidArgument(
            "ServerModelConfig type not supported by HandleReloadConfigRequest. "
            "Only ModelConfigList is currently supported"
        )
    models: dict[str, ModelConfig] = {}
    for entry in config.model_config_list.config:
        if entry.name in models:
            raise InvalidArgument(f"Illegal to list model {entry.name} multiple times in config list")
        models[entry.name] = _model_of(entry)
    return models


def _model_of(entry: model_server_config_pb2.ModelConfig) -> ModelConfig:
    if not Path(entry.base_path).is_absolute():
        raise InvalidArgument(
            f"Expected model {entry.name} to have an absolute path or URI; got base_path()={entry.base_path}"
        )
    if not entry.model_platform and not entry.model_type:
        raise InvalidArgument(
            "Illegal setting neither ModelServerConfig::model_type (deprecated) nor "
            f"ModelServerConfig::model_platform, model name is {entry.name}"
        )
    policy = entry.model_version_policy
    kind = policy.WhichOneof("policy_choice")
    return ModelConfig(
        name=entry.name,
        base_path=Path(entry.base_path),
        platform=entry.model_platform or _PLATFORM,
        policy=VersionPolicy(
            latest=policy.latest.num_versions or 1,
            every=kind == "all",
            specific=tuple(policy.specific.versions),
        ),
        labels=dict(entry.version_labels),
    )
