"""Small SavedModels that show from outside what the server did with them."""

import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from ace_server.servable import Servable


class Probe(tf.Module):
    """Signatures that tell how they were run.

    `serving_default`: x float32[n] → y = x / 2 + 2 + offset; rows int32[n], the number of rows of the whole run; spins
    int32[n], how often `spin` has run before.
    `spin`: seconds float64[n] → the same, after the longest of them has passed.
    `divide`: x int32[n] → 12 // x; a zero anywhere fails the whole run.
    `total`: x float32[n] → their sum, which has no batch dimension.
    `echo`: x float32[n, m] → the same; rows int32[n], the number of rows of the whole run.
    """

    def __init__(self, offset: float) -> None:
        super().__init__()
        self.offset = tf.Variable(offset)
        self.spins = tf.Variable(0)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def predict(self, x):
        rows = tf.shape(x)
        return {"y": x / 2 + 2 + self.offset, "rows": tf.fill(rows, rows[0]), "spins": tf.fill(rows, self.spins)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float64, name="seconds")])
    def spin(self, seconds):
        self.spins.assign_add(1)
        end_s = tf.timestamp() + tf.reduce_max(seconds)
        tf.while_loop(lambda now_s: now_s < end_s, lambda now_s: [tf.timestamp()], [tf.timestamp()])
        return {"seconds": tf.identity(seconds)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32, name="x")])
    def divide(self, x):
        return {"y": 12 // x}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def total(self, x):
        return {"y": tf.reduce_sum(x)}

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.float32, name="x")])
    def echo(self, x):
        rows = tf.shape(x)[:1]
        return {"x": tf.identity(x), "rows": tf.fill(rows, rows[0])}


def _write(folder: Path, offset: float = 0.0) -> Path:
    """Write a Probe as a SavedModel, whole or not at all for whoever looks at its parent."""
    probe = Probe(offset)
    signatures = {name: getattr(probe, method) for name, method in _METHODS.items()}
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = folder.parent / f"tmp-{folder.name}"
    tf.saved_model.save(probe, str(unfinished), signatures=signatures)
    return unfinished.rename(folder)


_METHODS = {"serving_default": "predict", "spin": "spin", "divide": "divide", "total": "total", "echo": "echo"}


@pytest.fixture(scope="session")
def write_probe() -> Callable[..., Path]:
    """Writes a Probe's version: `write_probe(base_path / "1", offset=0.0)`."""
    return _write


def _with_warm_up(version: Path, seconds: float) -> Path:
    """Put a warm-up record into a Probe's version that takes so long; the version."""
    request = predict_pb2.PredictRequest()
    request.model_spec.signature_name = "spin"
    request.inputs["seconds"].CopyFrom(tf.make_tensor_proto([seconds], tf.float64))
    log = prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))
    (version / "assets.extra").mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(version / "assets.extra" / "tf_serving_warmup_requests")) as records:
        records.write(log.SerializeToString())
    return version


@pytest.fixture(scope="session")
def with_warm_up() -> Callable[[Path, float], Path]:
    """Makes a version slow to load: `with_warm_up(version, seconds)`; the version."""
    return _with_warm_up


@pytest.fixture(scope="session")
def probe_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Probe's SavedModel, to be loaded or copied, not to be written to."""
    return _write(tmp_path_factory.mktemp("probe") / "1")


@pytest.fixture(scope="session")
def probe(probe_path: Path) -> Iterator[Servable]:
    """A Probe, loaded."""
    servable = Servable(probe_path, name="probe", version=1)
    yield servable
    servable.close()


@dataclass
class Peak:
    """The most memory that Python and numpy held at a time, in `bytes` once it is known."""

    bytes: int = 0


@pytest.fixture(scope="session")
def memory_peak() -> Callable[[], AbstractContextManager[Peak]]:
    """Measures memory: `with memory_peak() as peak: ...`."""

    @contextmanager
    def measured() -> Iterator[Peak]:
        peak = Peak()
        tracemalloc.start()
        try:
            yield peak
            peak.bytes = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    return measured
