from pathlib import Path

import pytest

from ace_server.errors import StartError
from ace_server.options import Options, parse

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
        ("--modelname=x", "--model_name"),
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


def test_no_base_path_is_refused():
    with pytest.raises(StartError, match="--model_base_path"):
        Options()


def test_batching_parameters_without_batching_are_refused():
    with pytest.raises(StartError, match="--enable_batching"):
        Options(model_base_path="/models", batching_parameters_file="batching.txt")
