import dataclasses
from pathlib import Path

import pytest

from ace_server.errors import StartError
from ace_server.options import REFUSED, WITHOUT_EFFECT, Options, parse

BASE_PATH = f"--model_base_path={Path('/models/detector')}"


def test_defaults_are_those_of_tensorflow_serving():
    options = parse([BASE_PATH])

    assert (options.port, options.model_name, options.enable_batching) == (8500, "default", False)
    assert (options.file_system_poll_wait_seconds, options.max_num_load_retries) == (1, 5)
    assert (options.load_retry_interval_micros, options.enable_model_warmup) == (60_000_000, True)


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("--enable_batching", True),
        ("--enable_batching=true", True),
        ("--enable_batching=1", True),
        ("--enable_batching=false", False),
        ("--noenable_batching", False),
    ],
)
def test_booleans_are_written_in_every_way_that_tensorflow_serving_reads(flag, value):
    assert parse([BASE_PATH, flag]).enable_batching is value


def test_a_value_may_follow_its_flag():
    assert parse([BASE_PATH, "--port", "9000"]).port == 9000


@pytest.mark.parametrize(
    ("flag", "advice"),
    [
        ("--modelname=x", "the nearest is --model_name"),
        ("--grpc_max_thread=8", "the nearest is --grpc_max_threads"),
        ("--ssl_config=tls.txt", "the nearest is --ssl_config_file"),
        ("--quux", "--help"),
        ("--port=many", "port"),
        ("--enable_batching=perhaps", "true"),
    ],
)
def test_wrong_flags_are_a_usage_error_that_says_what_would_be_right(flag, advice, capsys):
    with pytest.raises(SystemExit) as caught:
        parse([BASE_PATH, flag])

    assert caught.value.code == 2
    assert advice in capsys.readouterr().err


def test_a_relative_base_path_is_refused_with_the_absolute_one():
    with pytest.raises(StartError, match=str(Path("models/detector").resolve())):
        Options(model_base_path="models/detector")


@pytest.mark.parametrize("name", ["max_num_load_retries", "load_retry_interval_micros", "drain_seconds"])
def test_a_negative_number_of_what_cannot_be_negative_is_refused(name):
    with pytest.raises(StartError, match=f"--{name} is -1; write 0 or more"):
        parse([BASE_PATH, f"--{name}=-1"])


def test_a_number_that_is_none_is_refused():
    with pytest.raises(StartError, match="--drain_seconds is nan"):
        parse([BASE_PATH, "--drain_seconds=nan"])


def test_no_base_path_is_refused():
    with pytest.raises(StartError, match="--model_base_path"):
        Options()


def test_batching_parameters_without_batching_are_refused():
    with pytest.raises(StartError, match="--enable_batching"):
        Options(model_base_path="/models", batching_parameters_file="batching.txt")


TENSORFLOW_MODEL_SERVER_FLAGS = [
    "port",
    "grpc_socket_path",
    "rest_api_port",
    "rest_api_num_threads",
    "rest_api_timeout_in_ms",
    "enable_batching",
    "batching_parameters_file",
    "model_config_file",
    "model_config_file_poll_wait_seconds",
    "model_name",
    "model_base_path",
    "allow_version_labels_for_unavailable_models",
    "max_num_load_retries",
    "load_retry_interval_micros",
    "num_load_threads",
    "num_unload_threads",
    "file_system_poll_wait_seconds",
    "flush_filesystem_caches",
    "tensorflow_session_parallelism",
    "tensorflow_intra_op_parallelism",
    "tensorflow_inter_op_parallelism",
    "tensorflow_session_config_file",
    "platform_config_file",
    "per_process_gpu_memory_fraction",
    "saved_model_tags",
    "grpc_channel_arguments",
    "grpc_max_threads",
    "enable_model_warmup",
    "num_request_iterations_for_warmup",
    "monitoring_config_file",
    "enable_signature_method_name_check",
    "enable_profiler",
    "thread_pool_factory_config_file",
    "mixed_precision",
    "xla_cpu_compilation_enabled",
    "xla_gpu_compilation_enabled",
    "remove_unused_fields_from_bundle_metagraph",
    "enable_serialization_as_tensor_content",
    "enable_grpc_healthcheck_service",
    "skip_initialize_tpu",
    "num_tflite_pools",
    "num_tflite_interpreters_per_pool",
    "rest_api_enable_cors_support",
    "enable_per_model_batching_parameters",
    "prefer_tflite_model",
    "ssl_config_file",
    "use_alts_credentials",
]


def test_every_flag_of_tensorflow_model_server_is_known():
    known = {field.name for field in dataclasses.fields(Options)} | set(WITHOUT_EFFECT) | set(REFUSED)

    assert set(TENSORFLOW_MODEL_SERVER_FLAGS) - known == set()


@pytest.mark.parametrize("flag", ["--grpc_max_threads=8", "--enable_profiler", "--noflush_filesystem_caches"])
def test_a_flag_that_has_no_effect_says_so_in_the_log(flag, caplog):
    parse([BASE_PATH, flag])

    assert f"{flag.split('=')[0].replace('--no', '--')} has no effect here" in caplog.text


@pytest.mark.parametrize("flag", ["--prefer_tflite_model", "--use_alts_credentials=true"])
def test_a_flag_whose_promise_cannot_be_kept_is_refused(flag, capsys):
    with pytest.raises(SystemExit):
        parse([BASE_PATH, flag])

    assert "cannot be had here" in capsys.readouterr().err


def test_a_refused_flag_may_be_turned_off():
    assert parse([BASE_PATH, "--prefer_tflite_model=false"]).port == 8500
