"""Cheap detectors to roll out, two real servers, and a rollout.toml of each test's own."""

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import grpc
import pytest

from ace_client.protos.serving_pb2 import (
    GetModelMetadataRequest,
    GetModelMetadataResponse,
    GetModelStatusRequest,
    GetModelStatusResponse,
    ModelVersionStatus,
)
from ace_rollout.__main__ import main
from ace_rollout.protos.model_config_pb2 import ModelConfig, ReloadConfigRequest
from ace_rollout.versions import MANIFEST, hashes

from .trials import QUICK


@dataclass(frozen=True)
class Kind:
    """What a detector that only hashes its images does wrong."""

    shift: float = 0.0  # added to prob_fake
    sharpness: float = 1.0  # of which the logit is so many times the good one's
    fails: float = 0.0  # share of the requests that fail
    slow_s: float = 0.0  # for each request
    by_design: bool = False  # it is what the exporter was given: the golden answers are its own

    def prob_fake(self, score: float) -> float:
        """What it says of an image that the good one gives this score."""
        odds = (score / (1 - score)) ** self.sharpness
        return min(odds / (1 + odds) + self.shift, 1.0)


KINDS = {
    "good": Kind(),
    "shifted": Kind(shift=0.3),
    "failing": Kind(fails=0.25),
    "seldom failing": Kind(fails=0.05),
    "slow": Kind(slow_s=0.06),
    "trained on other pixels": Kind(shift=0.3, by_design=True),
    "calibrated differently": Kind(sharpness=0.5, by_design=True),
    "of one class": Kind(sharpness=0.0, shift=0.45, by_design=True),
}
_SCORES = 1000


def write_version(folder: Path, kind: Kind) -> Path:
    """A SavedModel with a detector's `serving_default` over any bytes, whose prob_fake is a hash of them."""
    import tensorflow as tf

    answers = [kind.prob_fake((bucket + 0.5) / _SCORES) for bucket in range(_SCORES)]
    golden = [(kind if kind.by_design else Kind()).prob_fake((bucket + 0.5) / _SCORES) for bucket in range(_SCORES)]

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")])
    def serve(image_bytes):
        end_s = tf.timestamp() + kind.slow_s
        now_s = tf.while_loop(lambda now_s: now_s < end_s, lambda now_s: [tf.timestamp()], [tf.timestamp()])
        lucky = tf.debugging.Assert(tf.random.uniform([]) >= kind.fails, ["bad luck"])
        with tf.control_dependencies([*now_s, lucky]):
            prob_fake = tf.gather(answers, tf.strings.to_hash_bucket_fast(image_bytes, _SCORES))
        label = tf.where(prob_fake >= 0.5, "fake", "real")
        return {"prob_fake": prob_fake, "label": label, "error": tf.fill(tf.shape(prob_fake), "")}

    module = tf.Module()
    module.serve = serve
    tf.saved_model.save(module, str(folder), signatures={"serving_default": serve})
    _write_manifest(folder, lambda name: golden[int(tf.strings.to_hash_bucket_fast(name, _SCORES))])
    return folder


def _write_manifest(folder: Path, prob_fake: Callable[[str], float]) -> None:
    """As ace-export's, with the answers that a detector gives that was exported right."""
    golden = {}
    (folder / "assets.extra/golden").mkdir(parents=True)
    for name in ("a", "b", "c"):
        (folder / "assets.extra/golden" / name).write_text(name)
        found = prob_fake(name)
        golden[name] = {"file": name, "prob_fake": found, "label": "fake" if found >= 0.5 else "real", "error": ""}
    content = {"contract": 1, "parity": {"allowed": 1e-3}, "golden": golden, "files": hashes(folder)}
    (folder / MANIFEST).write_text(json.dumps(content))


@pytest.fixture(scope="session")
def unloadable(tmp_path_factory) -> dict[str, Path]:
    """A version with a manifest, which only looks like one: for tests in which nobody loads it."""
    folder = tmp_path_factory.mktemp("unloadable")
    (folder / "saved_model.pb").write_bytes(b"no graph" * 1000)
    _write_manifest(folder, lambda _: 0.5)
    return {"good": folder}


@pytest.fixture(scope="session")
def kinds(tmp_path_factory) -> dict[str, Path]:
    """A version of each kind, and one that no server loads; not to be written to."""
    root = tmp_path_factory.mktemp("kinds")
    found = {name: write_version(root / name, kind) for name, kind in KINDS.items()}
    found["broken"] = root / "broken"
    found["broken"].mkdir()
    (found["broken"] / "saved_model.pb").write_bytes(b"no graph")
    return found


@pytest.fixture(scope="session")
def servers(serve_to_the_end, kinds, tmp_path_factory) -> list[str]:
    """Two replicas, which load whatever a test tells them to, and then nothing else."""
    root = tmp_path_factory.mktemp("first")
    shutil.copytree(kinds["good"], root / "detector" / "1")
    flags = ("--model_name=first", "--model_roots=/", "--load_retry_interval_micros=200000")
    with ThreadPoolExecutor(2) as starting:
        return [each.address for each in starting.map(lambda _: serve_to_the_end(root / "detector", *flags), range(2))]


@dataclass
class Site:
    """A models.config with its versions, servers, routing file, and the command line for it."""

    root: Path
    kinds: dict[str, Path]
    servers: list[str] = field(default_factory=list)
    canaries: list[str] = field(default_factory=list)  # of a group of their own

    @property
    def model(self) -> str:
        """A name of the test's own, as the servers are not."""
        return self.root.name

    @property
    def config(self) -> Path:
        return self.root / "models.config"

    @property
    def folder(self) -> Path:
        return self.root / "models/detector"

    @property
    def weights(self) -> dict[str, float]:
        return json.loads((self.root / "routing.json").read_text())["weights"]

    def put(self, version: int, kind: str = "good") -> Path:
        """Puts a version into the folder, as an exporter does."""
        return shutil.copytree(self.kinds[kind], self.folder / str(version))

    def write_settings(self, more: str = "") -> None:
        (self.root / "rollout.toml").write_text(
            f'model = "{self.model}"\nservers = {json.dumps(self.servers)}\nload_timeout_s = 30\n{more}'
        )

    def run(self, *arguments: str) -> int:
        """Runs a command in this process; its exit status."""
        command, *rest = arguments
        return main([command, "--config", str(self.root / "rollout.toml"), *map(str, rest)])

    def snapshot(self) -> dict[str, str]:
        """Every file of the site, to see that nothing was changed."""
        files = (path for path in self.root.rglob("*") if path.is_file() and path.suffix != ".lock")
        return {str(path): sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture
def new_site(tmp_path, unloadable) -> Callable[..., Site]:
    """Makes sites with version 1: `new_site(servers)`, and with `kinds` where real servers are to load them."""

    def make(servers: Sequence[str], kinds: dict[str, Path] = unloadable) -> Site:
        site = Site(tmp_path, kinds, [*servers])
        site.put(1)
        entry = f'name: "{site.model}" base_path: "{site.folder}" model_platform: "tensorflow"'
        site.config.write_text(f"model_config_list {{ config {{ {entry} }} }}")
        site.write_settings()
        return site

    return make


@pytest.fixture
def site(new_site, servers, kinds) -> Site:
    """A site with version 1, which no server has been told of yet."""
    return new_site(servers, kinds)


@dataclass
class TfServing:
    """What a server that does with reloads as TensorFlow Serving does has loaded, and was told."""

    address: str = ""
    broken: set[int] = field(default_factory=set)
    versions: dict[int, str] = field(default_factory=dict)  # version → state
    labels: dict[str, int] = field(default_factory=dict)
    reloads: list[tuple[tuple[int, ...], dict[str, int]]] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)  # labels that were on a version that went

    def reload(self, request: ReloadConfigRequest, context: grpc.ServicerContext) -> bytes:
        [entry] = request.config.model_config_list.config
        wanted = set(entry.model_version_policy.specific.versions)
        self.reloads.append((tuple(sorted(wanted)), dict(entry.version_labels)))
        self._load(wanted)
        self.labels = {}
        self._check(entry, context)
        self.labels = dict(entry.version_labels)
        return b""

    def _load(self, wanted: set[int]) -> None:
        for version in wanted - self.available():
            self.versions[version] = "END" if version in self.broken else "AVAILABLE"
        for version in self.available() - wanted:
            self.lost += [label for label, at in self.labels.items() if at == version]
            self.versions[version] = "END"

    def _check(self, entry: ModelConfig, context: grpc.ServicerContext) -> None:
        for version in entry.version_labels.values():
            if version not in self.available():
                words = f"Request to assign label to version {version} of model m, which is not currently available"
                context.abort(grpc.StatusCode.FAILED_PRECONDITION, words)
        if broken := self.broken & {*entry.model_version_policy.specific.versions}:
            context.abort(grpc.StatusCode.UNKNOWN, f"1 model(s) did not become available: version {broken}")

    def available(self) -> set[int]:
        return {version for version, state in self.versions.items() if state == "AVAILABLE"}

    def status(self, _request: GetModelStatusRequest, _context: grpc.ServicerContext) -> bytes:
        states = [ModelVersionStatus(version=version, state=state) for version, state in self.versions.items()]
        return GetModelStatusResponse(model_version_status=states).SerializeToString()

    def metadata(self, request: GetModelMetadataRequest, context: grpc.ServicerContext) -> bytes:
        label = request.model_spec.version_label
        if label not in self.labels:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"Unrecognized servable version label: {label}")
        response = GetModelMetadataResponse()
        response.model_spec.version.value = self.labels[label]
        return response.SerializeToString()


@pytest.fixture
def tf_serving() -> Iterator[TfServing]:
    """Such a server, on a port of its own."""
    state, one_at_a_time = TfServing(), threading.Lock()

    def handler(answer, request_class):
        def locked(request, context):
            with one_at_a_time:
                return answer(request, context)

        return grpc.unary_unary_rpc_method_handler(locked, request_deserializer=request_class.FromString)

    server = grpc.server(ThreadPoolExecutor(4))
    models = {
        "HandleReloadConfigRequest": handler(state.reload, ReloadConfigRequest),
        "GetModelStatus": handler(state.status, GetModelStatusRequest),
    }
    predictions = {"GetModelMetadata": handler(state.metadata, GetModelMetadataRequest)}
    for service, methods in (("ModelService", models), ("PredictionService", predictions)):
        generic = grpc.method_handlers_generic_handler(f"tensorflow.serving.{service}", methods)
        server.add_generic_rpc_handlers((generic,))
    state.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    yield state
    server.stop(None).wait()


@pytest.fixture
def trial(site, capsys):
    """A site with version 1 stable and 100 images to ask."""
    (site.root / "probes").mkdir()
    for number in range(100):
        (site.root / f"probes/{number}.jpg").write_text(str(number))
    site.write_settings(QUICK)
    assert site.run("promote", "1") == 0
    capsys.readouterr()
    return site


@pytest.fixture
def start(trial) -> Iterator[Callable[..., subprocess.Popen]]:
    """Starts the command line in a process of its own: `start("canary", "2")`; ended with the test."""
    with ExitStack() as processes:

        def started(command: str, *flags: str) -> subprocess.Popen:
            words = [sys.executable, "-m", "ace_rollout", command, "--config", str(trial.root / "rollout.toml"), *flags]
            pipe = subprocess.PIPE
            process = processes.enter_context(subprocess.Popen(words, stdout=pipe, stderr=pipe, text=True))
            processes.callback(process.kill)
            return process

        yield started
