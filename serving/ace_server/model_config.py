"""ModelServerConfig, from TensorFlow Serving's text files and reload requests, checked as it checks them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tensorflow_serving.config import model_server_config_pb2

from . import text_files
from .errors import InvalidArgument, WrongField
from .options import Options
from .repository import VersionPolicy
from .request_log import RequestLogging, request_logging_of

_PLATFORM = "tensorflow"


@dataclass(frozen=True)
class ModelConfig:
    """One model to serve: where its versions lie, which of them, and what they are called."""

    name: str
    base_path: Path
    platform: str = _PLATFORM
    policy: VersionPolicy = field(default_factory=VersionPolicy)
    labels: Mapping[str, int] = field(default_factory=dict)  # label → version
    logging: RequestLogging | None = None


def configured_model(options: Options) -> dict[str, ModelConfig]:
    """The one model that the command line asks for by name and base path."""
    return {options.model_name: ModelConfig(options.model_name, Path(options.model_base_path))}


def read_model_config(path: Path) -> dict[str, ModelConfig]:
    """The models of a ModelServerConfig text file by name.

    Raises:
        StartError: the file cannot be read, or is wrong; the message names the file, and line and field where known.
    """
    file = text_files.read(path, model_server_config_pb2.ModelServerConfig(), flag="model_config_file")
    with file.located():
        return _models_of(file.message)


def models_of(config: model_server_config_pb2.ModelServerConfig) -> dict[str, ModelConfig]:
    """The models of the message by name.

    Raises:
        InvalidArgument: in TensorFlow Serving's words, what is wrong with it.
    """
    try:
        return _models_of(config)
    except WrongField as error:
        raise InvalidArgument(str(error)) from error


def _models_of(config: model_server_config_pb2.ModelServerConfig) -> dict[str, ModelConfig]:
    if config.WhichOneof("config") != "model_config_list":
        raise WrongField(
            "custom_model_config",
            "ServerModelConfig type not supported by HandleReloadConfigRequest. "
            "Only ModelConfigList is currently supported",
        )
    models: dict[str, ModelConfig] = {}
    for entry in config.model_config_list.config:
        if entry.name in models:
            raise WrongField(
                "name", f"Illegal to list model {entry.name} multiple times in config list", value=entry.name
            )
        models[entry.name] = _model_of(entry)
    return models


def _model_of(entry: model_server_config_pb2.ModelConfig) -> ModelConfig:
    if not Path(entry.base_path).is_absolute():
        raise WrongField(
            "base_path",
            f"Expected model {entry.name} to have an absolute path or URI; got base_path()={entry.base_path}",
            value=entry.base_path,
        )
    if not entry.model_platform and not entry.model_type:
        raise WrongField(
            "name",
            "Illegal setting neither ModelServerConfig::model_type (deprecated) nor "
            f"ModelServerConfig::model_platform, model name is {entry.name}",
            value=entry.name,
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
        logging=request_logging_of(entry.name, entry.logging_config),
    )
