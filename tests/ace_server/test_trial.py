"""Trials run for real: a child process loads the version, and is killed, hangs or refuses."""

import asyncio
import os
import shutil
import signal
import time
from pathlib import Path

import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from ace_server.errors import ModelError
from ace_server.trial import Trial


def trial(timeout_s=120.0, warmup_iterations=1):
    return Trial(tags=("serve",), config=b"", warmup_iterations=warmup_iterations, timeout_s=timeout_s)


def children() -> set[int]:
    """The processes that this one has started and that have not ended."""
    return {int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()}


def with_warm_up(version: Path, seconds: float) -> Path:
    """The version with a warm-up record that takes so long."""
    (version / "assets.extra").mkdir()
    request = predict_pb2.PredictRequest()
    request.model_spec.signature_name = "spin"
    request.inputs["seconds"].CopyFrom(tf.make_tensor_proto([seconds], tf.float64))
    log = prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))
    with tf.io.TFRecordWriter(str(version / "assets.extra" / "tf_serving_warmup_requests")) as records:
        records.write(log.SerializeToString())
    return version


@pytest.fixture
def version(tmp_path, probe_path):
    return Path(shutil.copytree(probe_path, tmp_path / "2"))


def test_a_version_that_loads_and_warms_up_passes(version):
    asyncio.run(trial().run(with_warm_up(version, 0.01)))


def test_a_version_that_does_not_load_is_refused_with_the_reason_of_tensorflow(tmp_path):
    (tmp_path / "2").mkdir()

    with pytest.raises(ModelError, match=r"saved_model\.pb") as refused:
        asyncio.run(trial().run(tmp_path / "2"))

    assert refused.value.code.name == "NOT_FOUND"


def test_a_version_that_hangs_is_given_up_and_its_process_ended(version):
    before = children()

    with pytest.raises(ModelError, match="--trial_timeout_seconds=8"):
        asyncio.run(trial(timeout_s=8.0).run(with_warm_up(version, 1e9)))

    assert children() == before


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL])
def test_a_crash_is_told_by_its_signal(version, number):
    before = children()

    async def scenario():
        running = asyncio.create_task(trial().run(with_warm_up(version, 1e9)))
        while not (started := children() - before):
            await asyncio.sleep(0.01)
        os.kill(started.pop(), number)
        await running

    with pytest.raises(ModelError, match=f"ended with {number.name}"):
        asyncio.run(scenario())


def test_the_child_is_what_the_system_ends_first_where_memory_runs_out(version):
    before = children()

    async def scenario():
        running = asyncio.create_task(trial().run(with_warm_up(version, 1e9)))
        while not (started := children() - before):
            await asyncio.sleep(0.01)
        child = Path(f"/proc/{started.pop()}")
        deadline_s = time.monotonic() + 60
        while (score := (child / "oom_score_adj").read_text().strip()) != "1000" and time.monotonic() < deadline_s:
            await asyncio.sleep(0.05)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return score

    assert asyncio.run(scenario()) == "1000"
    assert children() == before
