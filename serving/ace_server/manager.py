"""The versions of the models: looked for, loaded, retried, swapped, unloaded.

A new version is loaded and warmed before the old one goes, and an old one goes only when its last request is answered.
"""

import asyncio
import enum
import logging
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tensorflow_serving.apis import model_pb2

from .batching import Batcher
from .errors import CallError, InvalidArgument, NotFound, StartError, Unavailable
from .options import Options
from .repository import latest, versions_under
from .servable import Servable
from .warmup import warm_up

_log = logging.getLogger(__name__)
_QUIET_POLL_S = 0.02


class State(enum.IntEnum):
    """TensorFlow Serving's states of a version, with its numbers."""

    START = 10
    LOADING = 20
    AVAILABLE = 30
    UNLOADING = 40
    END = 50


@dataclass(eq=False)
class Version:
    """A version that was found once; `error` says why it is not served, where that was not wanted."""

    number: int
    path: Path
    state: State = State.START
    servable: Servable | None = None
    error: CallError | None = None
    loading: asyncio.Task[None] | None = None


@dataclass(eq=False)
class _Model:
    name: str
    base_path: Path
    versions: dict[int, Version] = field(default_factory=dict)
    aspired: Mapping[int, Path] = field(default_factory=dict)
    trouble: str = ""  # why the base path could not be read at the last look

    def available(self) -> dict[int, Servable]:
        return {number: version.servable for number, version in self.versions.items() if version.servable}


class Manager:
    """The state machine over the versions of one model. Used from one event loop; loads are in a thread of its own."""

    def __init__(self, options: Options, batcher: Batcher) -> None:
        """Nothing is looked for before `start`."""
        self._options = options
        self._batcher = batcher
        self._models = {options.model_name: _Model(options.model_name, Path(options.model_base_path))}
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="loader")
        self._unloads: set[asyncio.Task[None]] = set()

    def servable(self, spec: model_pb2.ModelSpec) -> Servable:
        """The loaded version that a request asks for; the highest one where it names none.

        Raises:
            InvalidArgument: the request names no model, or a label that nothing has.
            NotFound: no such model, or the version is not loaded.
            Unavailable: the model's first version is still being loaded.
        """
        if not spec.name:
            raise InvalidArgument("ModelSpec has no name specified.")
        if spec.WhichOneof("version_choice") == "version_label":
            raise InvalidArgument(f"Unrecognized servable version label: {spec.version_label}")
        model = self._models.get(spec.name)
        available = model.available() if model else {}
        if spec.HasField("version"):
            if spec.version.value not in available:
                raise NotFound(f"Servable not found for request: Specific({spec.name}, {spec.version.value})")
            return available[spec.version.value]
        if available:
            return available[max(available)]
        if model and any(version.loading for version in model.versions.values()):
            raise Unavailable(f"Model {spec.name} is still being loaded. Try again in a moment.")
        raise NotFound(f"Servable not found for request: Latest({spec.name})")

    def status(self, spec: model_pb2.ModelSpec) -> list[Version]:
        """The versions of a model, or the one asked for, highest first. Labels are passed over, as there.

        Raises:
            InvalidArgument: the request names no model.
            NotFound: no such model or version.
        """
        if not spec.name:
            raise InvalidArgument("ModelSpec has no name specified.")
        model = self._models.get(spec.name)
        if model is None or not model.versions:
            raise NotFound(f"Could not find any versions of model {spec.name}")
        if spec.HasField("version"):
            if spec.version.value not in model.versions:
                raise NotFound(f"Could not find version {spec.version.value} of model {spec.name}")
            return [model.versions[spec.version.value]]
        return [model.versions[number] for number in sorted(model.versions, reverse=True)]

    def ready(self, name: str) -> bool:
        """Whether some version of the model is loaded and warmed."""
        return bool(self._models[name].available())

    async def start(self) -> None:
        """Return when every model has a version that can answer.

        Raises:
            StartError: a base path cannot be read or holds no version, or no version of a model loads.
        """
        for model in self._models.values():
            self._look(model)
            if model.trouble:
                raise StartError(f"Could not read base path {model.base_path} of model {model.name}: {model.trouble}.")
            if not model.aspired:
                raise StartError(
                    f"No versions of servable {model.name} found under base path {model.base_path}. "
                    "Did you forget to name your leaf directory as a number (eg. '/1/')?"
                )
            await asyncio.gather(*(version.loading for version in model.versions.values() if version.loading))
            if not self.ready(model.name):
                reasons = "; ".join(f"version {version.number}: {version.error}" for version in model.versions.values())
                raise StartError(f"Model {model.name} did not become available. {reasons}")

    async def watch(self) -> None:
        """Look for new versions until cancelled; where the options say not to look, just wait for that."""
        if self._options.file_system_poll_wait_seconds <= 0:
            await asyncio.Event().wait()
        while True:
            await asyncio.sleep(self._options.file_system_poll_wait_seconds)
            for model in self._models.values():
                self._look(model)

    def _look(self, model: _Model) -> None:
        """Bring what is wanted up to date with the file system; a base path that cannot be read changes nothing."""
        try:
            model.aspired = latest(versions_under(model.base_path))
        except OSError as error:
            if not model.trouble:
                _log.warning("Cannot read base path %s: %s; what is served stays", model.base_path, error.strerror)
            model.trouble = error.strerror or str(error)
            return
        model.trouble = ""
        for number, path in model.aspired.items():
            known = model.versions.get(number)
            if known is None or (known.state is State.END and known.error is None):  # new, or unloaded and back again
                version = model.versions[number] = Version(number, path)
                version.loading = asyncio.create_task(self._load(model, version))
        self._let_go(model)

    async def _load(self, model: _Model, version: Version) -> None:
        """Load and warm one version, again and again while it fails and is still wanted."""
        retry_s = self._options.load_retry_interval_micros / 1e6
        for left in range(self._options.max_num_load_retries, -1, -1):
            version.state = State.LOADING
            try:
                version.servable = await asyncio.get_running_loop().run_in_executor(
                    self._loader, self._load_and_warm, model, version
                )
                version.state, version.error = State.AVAILABLE, None
                break
            except CallError as error:
                version.error = error
                _log.error("Cannot load version %d of model %s: %s", version.number, model.name, error)
            if not left or version.number not in model.aspired:
                version.state = State.END
                break
            _log.info("Trying version %d of model %s again in %g s", version.number, model.name, retry_s)
            await asyncio.sleep(retry_s)
        version.loading = None
        self._let_go(model)

    def _load_and_warm(self, model: _Model, version: Version) -> Servable:
        started_s = time.perf_counter()
        servable = Servable(
            version.path,
            name=model.name,
            version=version.number,
            intra_op_threads=self._options.tensorflow_intra_op_parallelism,
            inter_op_threads=self._options.tensorflow_inter_op_parallelism,
        )
        loaded_s = time.perf_counter()
        try:
            records = warm_up(servable) if self._options.enable_model_warmup else 0
        except BaseException:
            servable.close()
            raise
        _log.info(
            "Successfully loaded servable version {name: %s version: %d} in %.1f s, %d warm-up records in %.1f s",
            model.name,
            version.number,
            loaded_s - started_s,
            records,
            time.perf_counter() - loaded_s,
        )
        return servable

    def _let_go(self, model: _Model) -> None:
        """Unload what is no longer wanted, but never the last version that answers while its successor does not."""
        successor_ready = not model.aspired or any(number in model.aspired for number in model.available())
        for number, version in list(model.versions.items()):
            if number in model.aspired or version.loading:
                continue
            if version.state is State.AVAILABLE and successor_ready:
                unload = asyncio.create_task(self._unload(model, version))
                self._unloads.add(unload)
                unload.add_done_callback(self._unloads.discard)
            elif version.error:  # it never served, and its folder has gone
                del model.versions[number]

    async def _unload(self, model: _Model, version: Version) -> None:
        servable, version.servable, version.state = version.servable, None, State.UNLOADING
        if servable is None:
            return
        while self._batcher.busy_with(servable):
            await asyncio.sleep(_QUIET_POLL_S)
        await asyncio.get_running_loop().run_in_executor(self._loader, servable.close)
        version.state = State.END
        _log.info("Unloaded servable version {name: %s version: %d}", model.name, version.number)
