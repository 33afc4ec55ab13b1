"""What HandleReloadConfigRequest may do: where models may come from, and on which port it is answered."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TypeAlias

from tensorflow_serving.config import model_server_config_pb2

from .errors import InvalidArgument, PermissionDenied, StartError
from .manager import Manager
from .model_config import ModelConfig, models_of
from .options import Options
from .request_log import RequestLogging

Reload: TypeAlias = Callable[[model_server_config_pb2.ModelServerConfig], Awaitable[None]]


def reload_within(roots: tuple[Path, ...], manager: Manager) -> Reload:
    """Applies a configuration whose base paths are all inside the roots; others are refused whole."""

    async def reload(config: model_server_config_pb2.ModelServerConfig) -> None:
        models = models_of(config)
        for model in models.values():
            await asyncio.to_thread(_check, model, roots)  # the paths may be of a file system that hangs
            before = manager.catalog.request_logging(model.name)
            await asyncio.to_thread(check_request_log, model, roots, before=before)
        await manager.apply(models)

    return reload


def reload_refused(admin_address: str) -> Reload:
    """Refuses every configuration, and says where they are taken."""

    async def reload(config: model_server_config_pb2.ModelServerConfig) -> None:
        raise PermissionDenied(
            f"Reloads are taken on the admin port only: call {admin_address} on the server's own machine."
        )

    return reload


def model_roots(options: Options, models: Mapping[str, ModelConfig]) -> tuple[Path, ...]:
    """The folders that models may be reloaded from, symbolic links resolved.

    Those of --model_roots, or else the parents of the base paths given at start: new models usually lie beside the old
    ones. A base path right under / is a root itself, as its parent would allow everything.

    Raises:
        StartError: a folder of --model_roots is not absolute.
    """
    asked_for = [Path(root.strip()) for root in options.model_roots.split(",") if root.strip()]
    for root in asked_for:
        if not root.is_absolute():
            raise StartError(f"--model_roots holds {root}, which is not absolute. Write {root.resolve()}.")
    base_paths = [Path(os.path.realpath(model.base_path)) for model in models.values()]  # links in a circle, too
    beside = [path if path.parent == path.parent.parent else path.parent for path in base_paths]
    return tuple(root.resolve() for root in asked_for) or tuple(beside)


def _check(model: ModelConfig, roots: tuple[Path, ...]) -> None:
    try:
        path = model.base_path.resolve()
    except (OSError, RuntimeError, ValueError) as error:  # links in a circle, a null character
        raise InvalidArgument(f"The base path {model.base_path} of model {model.name} is no path: {error}") from error
    if not any(path.is_relative_to(root) for root in roots):
        raise PermissionDenied(
            f"Model {model.name} cannot be loaded from {model.base_path}, which is outside the folders that reloads "
            "may load from. Put it beside the models that the server was started with, or add to --model_roots."
        )


def check_request_log(model: ModelConfig, roots: tuple[Path, ...], *, before: RequestLogging | None) -> None:
    """A reload may leave a model's request log where it is, or put it beside models: it does not write elsewhere."""
    if model.logging is None or (before and before.prefix == model.logging.prefix):
        return
    if not any(Path(model.logging.prefix).parent.resolve().is_relative_to(root) for root in roots):
        raise PermissionDenied(
            f"A reload cannot begin to log requests for model {model.name} to {model.logging.prefix}. "
            "Name that file in the --model_config_file, or one in the folders that reloads may load from."
        )
