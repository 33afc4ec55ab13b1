"""The TensorFlow Serving config files of the repository, read as ace_server reads them."""

from pathlib import Path

import httpx
from google.protobuf import text_format
from tensorflow.core.protobuf import config_pb2

from ace_client import Detector
from ace_client.contract import MODEL_NAME
from ace_export.warmup import BATCH_SIZES
from ace_server.config import read_batching_parameters
from ace_server.model_config import read_model_config
from ace_server.options import Options
from ace_server.repository import VersionPolicy
from ace_server.session_config import session_config

FILES = Path(__file__).parents[2] / "serving" / "tf_serving"
FLAGS = {
    "batching_parameters.txt": "batching_parameters_file",
    "models.config": "model_config_file",
    "monitoring.config": "monitoring_config_file",
    "session_config.txt": "tensorflow_session_config_file",
}


def test_the_detector_is_served_with_its_predecessor():
    models = read_model_config(FILES / "models.config")

    assert models.keys() == {MODEL_NAME}
    assert models[MODEL_NAME].policy == VersionPolicy(latest=2)


def test_every_batch_size_has_a_warmup_record():
    parameters = read_batching_parameters(FILES / "batching_parameters.txt")

    assert set(parameters.allowed_batch_sizes) <= set(BATCH_SIZES)


def test_sessions_take_a_gpus_memory_as_they_need_it():
    config = text_format.Parse((FILES / "session_config.txt").read_text(), config_pb2.ConfigProto())

    assert config.gpu_options.allow_growth


def test_threads_are_left_to_the_flags_for_which_both_servers_are_alike(caplog):
    file = str(FILES / "session_config.txt")

    config = session_config(Options(model_base_path="/models", tensorflow_session_config_file=file))

    assert (config.intra_op_parallelism_threads, config.inter_op_parallelism_threads) == (0, 0)
    assert not caplog.records


def test_each_file_names_the_flag_that_takes_it_in_its_first_line():
    assert {path.name for suffix in (".config", ".txt") for path in FILES.glob(f"*{suffix}")} == FLAGS.keys()
    for name, flag in FLAGS.items():
        assert f"--{flag}=/config/{name}" in (FILES / name).read_text().splitlines()[0]


def test_the_server_starts_with_all_of_them_and_answers(serve, detector_base_path, tmp_path):
    models = (FILES / "models.config").read_text()
    assert 'base_path: "/models/detector"' in models
    (tmp_path / "models.config").write_text(models.replace("/models/detector", str(detector_base_path)))
    paths = {name: (tmp_path if name == "models.config" else FILES) / name for name in FLAGS}
    flags = (f"--{flag}={paths[name]}" for name, flag in FLAGS.items())

    server = serve(None, *flags, "--enable_batching", "--rest_api_port=-1")

    with Detector(server.address, deadline_s=60) as detector:
        [verdict] = detector.detect(b"no image")
    assert verdict.version == 1
    assert httpx.get(f"{server.rest_url}/monitoring/prometheus/metrics").status_code == 200
