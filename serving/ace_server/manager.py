"""The versions of the models: looked for, loaded, retried, swapped, unloaded.

A new version is loaded and warmed before the old one goes, and an old one goes only when its last request is answered.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import replace

import grpc

from .batching import Batcher
from .catalog import Catalog
from .errors import CallError, FailedPrecondition, InvalidArgument, ModelError
from .loader import Loader
from .metrics import Metrics
from .model_config import ModelConfig
from .options import Options
from .repository import Found, identity_of, look
from .servable import Servable, SessionSettings
from .versions import Model, State, Version

_log = logging.getLogger(__name__)
_QUIET_POLL_S = 0.02


class Manager:
    """The state machine over the versions of all models. Used from one event loop."""

    def __init__(
        self,
        options: Options,
        batcher: Batcher,
        sessions: SessionSettings,
        *,
        announce: Callable[[Mapping[str, bool]], Awaitable[None]],
        metrics: Metrics | None = None,
    ) -> None:
        """Nothing is served before the first `apply`. `announce` hears which models are ready when that changes."""
        self._announce = announce
        self._announced: Mapping[str, bool] = {}
        self._options = options
        self._metrics = metrics or Metrics()
        self._loader = Loader(options, sessions, self._metrics.loads, admit=batcher.admit)
        self._batcher = batcher
        self.catalog = Catalog()
        self._models = self.catalog.models
        self._unloads: set[asyncio.Task[None]] = set()
        self._applying = asyncio.Lock()

    async def _announce_changes(self) -> None:
        ready = self.catalog.ready()
        if ready != self._announced:
            self._announced = ready
            await self._announce(ready)

    async def apply(self, configs: Mapping[str, ModelConfig]) -> None:
        """Serve these models and no others, and set their labels: whole, or not at all.

        Returns once every version that is wanted has loaded. Nothing that was served is let go before that.

        Raises:
            CallError: a platform was changed, a base path holds nothing, a version does not load, or a label is for a
                version that does not; what was served before is served on.
        """
        async with self._applying:
            before = {name: (model.config, model.found) for name, model in self._models.items()}
            _check_platforms(self._models, configs)
            try:
                for name in {*self._models, *configs}:
                    self._models.setdefault(name, Model(name)).config = configs.get(name)
                await asyncio.gather(*map(self._look, self._models.values()))
                for config in configs.values():
                    await self._loaded(self._models[config.name])
                for config in configs.values():
                    self._check_labels(config)
            except BaseException:  # also where the caller has gone
                for name, model in self._models.items():
                    model.config, found = before.get(name, (None, Found()))
                    self._aspire(model, found)
                await self._announce_changes()  # what has loaded or gone in the meantime has told nobody
                raise
            finally:
                asyncio.get_running_loop().call_soon(self._let_go_of_all)
            for name, model in self._models.items():
                model.labels = configs[name].labels if name in configs else {}
            await self._announce_changes()

    async def _loaded(self, model: Model) -> None:
        """Return when every version of the model that is wanted has loaded."""
        path = model.config.base_path if model.config else None
        if model.found.trouble:
            raise InvalidArgument(
                f"Could not find base path {path} for servable {model.name} with error {model.found.trouble}. "
                "Pass a folder that can be read."
            )
        if not model.found.paths:
            raise InvalidArgument(
                f"No versions of servable {model.name} found under base path {path}. "
                "Did you forget to name your leaf directory as a number (eg. '/1/')?"
            )
        wanted = [model.versions[number] for number in model.found.paths]
        await asyncio.gather(*(asyncio.shield(version.loading) for version in wanted if version.loading))
        failed = [version for version in wanted if version.error and not version.is_served()]
        if failed:
            reasons = ", ".join(f"{{name: {model.name} version: {v.number}}} due to error: {v.error}" for v in failed)
            raise ModelError(grpc.StatusCode.UNKNOWN, f"1 model(s) did not become available: {{{reasons}}}")

    def _check_labels(self, config: ModelConfig) -> None:
        model = self._models[config.name]
        for label, number in config.labels.items():
            is_new = label not in model.labels
            if self._options.allow_version_labels_for_unavailable_models and is_new:
                continue
            if number not in model.available() and model.labels.get(label) != number:
                raise FailedPrecondition(
                    f"Request to assign label to version {number} of model {config.name}, "
                    "which is not currently available for inference"
                )

    async def watch(self) -> None:
        """Look for new versions until cancelled; where the options say not to look, just wait for that."""
        if self._options.file_system_poll_wait_seconds <= 0:
            await asyncio.Event().wait()
        looks: dict[Model, asyncio.Task[None]] = {}
        while True:
            await asyncio.sleep(self._options.file_system_poll_wait_seconds)
            for model in self._models.values():
                if model not in looks or looks[model].done():  # a file system may hang
                    looks[model] = asyncio.create_task(self._look(model))

    async def _look(self, model: Model) -> None:
        """Bring what is wanted up to date with the file system; a base path that cannot be read changes nothing."""
        config, began_s = model.config, time.monotonic()
        trouble = ""
        try:
            found = await asyncio.to_thread(look, config.base_path, config.policy) if config else Found()
        except OSError as error:
            found, trouble = model.found, error.strerror or str(error)
        if model.config is not config or began_s < model.looked_s:  # overtaken by a reload, or by a later look
            return
        model.looked_s = began_s
        if not trouble:
            self._aspire(model, found)
            return
        if not model.found.trouble:
            _log.warning("Cannot read base path of model %s: %s; what is served stays", model.name, trouble)
        model.found = replace(model.found, trouble=trouble)

    def _aspire(self, model: Model, found: Found) -> None:
        """Load what was found and is not there yet, or is another now; let go what was not found."""
        model.found = found
        for number, path in found.paths.items():
            known = model.versions.get(number)
            gone = known and (known.state is State.UNLOADING or (known.state is State.END and known.error is None))
            if known is None or gone:  # new, or back again
                known = model.versions[number] = Version(number, path)
            elif known.path == path and not known.is_replaced(found.identities.get(number)):
                continue
            known.path = path
            known.loading = asyncio.create_task(self._load(model, known, after=known.loading))
        self._let_go(model)

    async def _load(self, model: Model, version: Version, *, after: asyncio.Task[None] | None) -> None:
        """Load and warm one version once the load before it has ended, and settle what comes of it."""
        try:
            if after:
                await asyncio.wait([after])
            await self._try(model, version)
        finally:
            if version.loading is asyncio.current_task():
                version.loading = None
        self._let_go(model)
        if not self._applying.locked():
            await self._announce_changes()

    async def _try(self, model: Model, version: Version) -> None:
        """Load and warm one version, again and again while it fails and is still wanted.

        Where it is one that has been replaced under its number, the old one is served until the new one is ready.
        """
        retry_s = self._options.load_retry_interval_micros / 1e6
        for left in range(self._options.max_num_load_retries, -1, -1):
            try:
                await self._load_once(model, version)
                break
            except CallError as error:
                version.error = error
            except Exception:  # the load's last line of defence: the version must not seem to load for ever
                _log.exception("The load of version %d of model %s failed unforeseen", version.number, model.name)
                version.error = ModelError(
                    grpc.StatusCode.INTERNAL, f"{version.path} did not load; the server's log has the details."
                )
            self._metrics.loads.failed(version.path)
            _log.error("Cannot load version %d of model %s: %s", version.number, model.name, version.error)
            if not left or version.number not in model.found.paths:
                version.state = State.AVAILABLE if version.servable else State.END
                break
            _log.info("Trying version %d of model %s again in %g s", version.number, model.name, retry_s)
            await asyncio.sleep(retry_s)

    async def _load_once(self, model: Model, version: Version) -> None:
        if self._options.unload_before_load:
            await self._make_room(version)
        version.identity = await asyncio.to_thread(identity_of, version.path)
        if not version.servable:
            version.state = State.LOADING
        on_trial = self._options.trial_load and self._has_to_lose(version)
        new = await self._loader.load(model.name, version.number, version.path, on_trial=on_trial)
        replaced, version.servable = version.servable, new
        version.state, version.error = State.AVAILABLE, None
        if replaced:
            self._in_background(self._close(replaced))

    async def _make_room(self, version: Version) -> None:
        """Return once everything is unloaded that is to go, and what this version replaces."""
        replaced, version.servable = version.servable, None
        if replaced:
            await self._announce_changes()
            await self._close(replaced)
        if self._unloads:
            await asyncio.wait(self._unloads)

    def _has_to_lose(self, version: Version) -> bool:
        """Whether there is anything served, or any version but this one that is to be."""
        versions = (other for model in self._models.values() for other in model.versions.values())
        return any(other.servable or (other.loading and other is not version) for other in versions)

    def _let_go_of_all(self) -> None:
        for model in self._models.values():
            self._let_go(model)

    def _let_go(self, model: Model) -> None:
        """Unload what is no longer wanted, but never the last version that answers while its successor does not."""
        if self._applying.locked():  # what is let go now could not be brought back where the change is refused
            return
        successor_ready = (
            self._options.unload_before_load
            or not model.found.paths
            or any(number in model.found.paths for number in model.available())
        )
        for number, version in list(model.versions.items()):
            if number in model.found.paths or version.loading:
                continue
            if version.state is State.AVAILABLE and successor_ready:
                self._in_background(self._unload(model, version))
            elif version.error and not version.servable:  # it never served, and its folder has gone
                del model.versions[number]

    def _in_background(self, unloading: Coroutine[None, None, None]) -> None:
        unload = asyncio.create_task(unloading)
        self._unloads.add(unload)
        unload.add_done_callback(self._unloads.discard)

    async def _unload(self, model: Model, version: Version) -> None:
        servable, version.servable, version.state = version.servable, None, State.UNLOADING
        if servable is None:
            return
        await self._announce_changes()
        await self._close(servable)
        version.state = State.END
        self._metrics.forget(model.name, version.number)

    async def _close(self, servable: Servable) -> None:
        while self._batcher.busy_with(servable):
            await asyncio.sleep(_QUIET_POLL_S)
        await self._loader.close(servable)


def _check_platforms(models: Mapping[str, Model], configs: Mapping[str, ModelConfig]) -> None:
    for name, new in configs.items():
        old = models[name].config if name in models else None
        if old and old.platform != new.platform:
            raise InvalidArgument(
                f"Illegal to change a model's platform. For model {name} platform was {old.platform} "
                f"and new platform requested is {new.platform}"
            )
