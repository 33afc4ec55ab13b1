"""The ways to run the network that are compared, each in a process of its own: made, loaded, run and traced.

Nothing is imported at the top that loads TensorFlow: whether it uses oneDNN is decided when it is loaded.
"""

import collections
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ace_export.quiet import quiet_start

MODEL, PLAIN, EXPORTED, ONNX = "model.keras", "plain", "exported", "model.onnx"  # what `prepare` writes
SIGNATURE, ANSWER = "pixels", "prob_fake"
ONNX_OPSET = 17
TRACED_RUNS = 5

Array = NDArray[Any]
Run = Callable[[Array], Array]  # uint8[n, size, size, 3] → float32[n], the probability of a fake


@dataclass(frozen=True)
class Candidate:
    """One way to run the network."""

    name: str
    load: Callable[[Path, int], Run]  # from a file or folder, with so many threads
    path: Path
    onednn: bool | None = None  # None: as TensorFlow decides by itself
    batches: bool = True  # whether it is run with several images at a time, too


@dataclass(frozen=True)
class Cost:
    """Of one image."""

    cpu_ms: float  # of all threads
    wall_ms: float


class Worker:
    """The candidate that this process has loaded."""

    run: Run

    @classmethod
    def start(cls, candidate: Candidate, threads: int) -> None:
        """Load the candidate: the first thing that its process does."""
        os.environ.pop("TF_ENABLE_ONEDNN_OPTS", None)
        if candidate.onednn is not None:
            os.environ["TF_ENABLE_ONEDNN_OPTS"] = str(int(candidate.onednn))
        with quiet_start():
            cls.run = staticmethod(candidate.load(candidate.path, threads))

    @classmethod
    def answers(cls, pixels: Array) -> Array:
        """The probabilities for a batch; the first one of its size also pays for whatever is prepared once."""
        return np.ravel(cls.run(pixels))

    @classmethod
    def cost(cls, pixels: Array, batch: int) -> Cost:
        """Of all the images, `batch` at a time."""
        cpu, wall = time.process_time(), time.perf_counter()
        for start in range(0, len(pixels), batch):
            cls.run(pixels[start : start + batch])
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        return Cost(1000 * cpu / len(pixels), 1000 * wall / len(pixels))


def load_keras(path: Path, threads: int) -> Run:
    """Keras's own `predict`, the pixels prepared as its Xception's documentation says."""
    import keras
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    model = keras.saving.load_model(path, compile=False)

    def run(pixels: Array) -> Array:
        scaled = keras.applications.xception.preprocess_input(pixels.astype(np.float32))
        return np.asarray(model.predict(scaled, batch_size=len(pixels), verbose=0))

    return run


def load_saved_model(path: Path, threads: int) -> Run:
    """A SavedModel in a session of its own, as TensorFlow Serving holds it."""
    session, feed, fetch = _session(path, threads)
    from tensorflow.core.protobuf import config_pb2

    call = session._make_callable_from_options(config_pb2.CallableOptions(feed=[feed], fetch=[fetch]))
    return lambda pixels: np.asarray(call(pixels)[0])


def load_onnx(path: Path, threads: int) -> Run:
    """ONNX Runtime, whose threads sleep between two runs: spinning would count as work."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda pixels: np.asarray(session.run(None, {name: pixels})[0])


def prepare(source: Path | None, folder: Path) -> tuple[int, int]:
    """Writes the model in all its forms into the folder: its input size and number of parameters."""
    with quiet_start():
        import keras
        import tensorflow as tf
    model = keras.saving.load_model(source, compile=False) if source else xception()
    model.save(folder / MODEL)
    size = int(model.inputs[0].shape[1])

    def plain(pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        return {ANSWER: model(tf.cast(pixels, tf.float32) / 127.5 - 1, training=False)[:, 0]}

    signature = tf.function(plain, input_signature=[tf.TensorSpec([None, size, size, 3], tf.uint8, "pixels")])
    module = tf.Module()
    module.weights = [variable.value for variable in model.variables]
    tf.saved_model.save(module, str(folder / PLAIN), signatures={SIGNATURE: signature})
    _write_onnx(signature.get_concrete_function(), folder / ONNX)
    command = [sys.executable, "-m", "ace_export", str(folder / MODEL), str(folder / "repository")]
    exported = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE)  # noqa: S603 our own command
    Path(exported.stdout.strip()).rename(folder / EXPORTED)
    return size, model.count_params()


def xception() -> Any:
    """Keras's Xception with one logit, random weights and batch norms of random statistics, answering 0.5 to noise."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(2)
    rng = np.random.default_rng(4)
    body = keras.applications.Xception(weights=None, include_top=False, pooling="avg", input_shape=(299, 299, 3))
    for layer in body.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.gamma.assign(rng.uniform(0.8, 1.5, layer.gamma.shape))
            layer.beta.assign(rng.uniform(-0.3, 0.3, layer.beta.shape))
            layer.moving_mean.assign(rng.normal(0, 0.1, layer.moving_mean.shape))
            layer.moving_variance.assign(rng.uniform(0.3, 1.2, layer.moving_variance.shape))
    top = layers.Dense(1, activation="sigmoid", kernel_initializer=keras.initializers.RandomNormal(stddev=2))
    model = keras.Model(body.input, top(body.output))
    features = np.asarray(body(rng.uniform(-1, 1, (1, 299, 299, 3)).astype(np.float32)))
    top.bias.assign(-(features @ np.asarray(top.kernel))[0])
    return model


def _write_onnx(function: Any, path: Path) -> None:
    """By way of a graph whose variables are constants."""
    import tf2onnx
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    frozen = convert_variables_to_constants_v2(function)
    tf2onnx.convert.from_graph_def(
        frozen.graph.as_graph_def(),
        input_names=[tensor.name for tensor in frozen.inputs],
        output_names=[tensor.name for tensor in frozen.outputs],
        opset=ONNX_OPSET,
        output_path=str(path),
    )


def _session(path: Path, threads: int) -> tuple[Any, str, str]:
    """With a SavedModel's `pixels` loaded; the names of its input and of its answer."""
    import tensorflow as tf

    config = tf.compat.v1.ConfigProto(
        intra_op_parallelism_threads=threads, inter_op_parallelism_threads=threads, use_per_session_threads=True
    )
    session = tf.compat.v1.Session(graph=tf.Graph(), config=config)
    with session.graph.as_default():
        signature = tf.compat.v1.saved_model.load(session, ["serve"], str(path)).signature_def[SIGNATURE]
    (feed,) = signature.inputs.values()
    return session, feed.name, signature.outputs[ANSWER].name


def profile(path: Path, pixels: Array) -> dict[str, tuple[int, float]]:
    """How often each operation of a SavedModel runs for the batch, and its milliseconds by the clock.

    On one thread, with oneDNN, by TensorFlow's own trace of the optimised graph.
    """
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"
    with quiet_start():
        session, feed, fetch = _session(path, 1)
    from tensorflow.core.protobuf import config_pb2

    options = config_pb2.RunOptions(trace_level=config_pb2.RunOptions.FULL_TRACE, output_partition_graphs=True)
    metadata = config_pb2.RunMetadata()
    counts: collections.Counter[str] = collections.Counter()
    times: collections.Counter[str] = collections.Counter()
    for run in range(TRACED_RUNS + 1):
        session.run(fetch, {feed: pixels}, options=options, run_metadata=metadata)
        kinds = {node.name: _kind(node) for graph in metadata.partition_graphs for node in graph.node}
        for stats in (stats for device in metadata.step_stats.dev_stats for stats in device.node_stats if run):
            kind = kinds.get(stats.node_name, stats.node_name)
            counts[kind] += 1
            times[kind] += stats.all_end_rel_micros / 1000
    return {kind: (counts[kind] // TRACED_RUNS, ms / TRACED_RUNS) for kind, ms in times.most_common()}


def _kind(node: Any) -> str:
    return "+".join([node.op, *(part.decode() for part in node.attr["fused_ops"].list.s)])
