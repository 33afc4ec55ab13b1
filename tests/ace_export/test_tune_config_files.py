"""What is written is what both servers read: `ace_server` by its own readers, TensorFlow Serving by its messages."""

from pathlib import Path

import pytest
from google.protobuf import text_format
from tensorflow.core.protobuf import config_pb2

from ace_export.tuning.candidates import BATCHED, UNBATCHED, Candidate, Setting
from ace_export.tuning.config_files import batching_parameters, flags, session_config
from ace_server.config import BatchingParameters, read_batching_parameters
from ace_server.options import parse
from ace_server.session_config import session_config as session_config_of

SETTINGS = [Setting(2, 1, 2, (1, 4)), Setting(3, 0, 0, (2,))]


@pytest.mark.parametrize("setting", SETTINGS)
def test_batching_parameters_are_read_as_they_were_meant(setting, tmp_path):
    file = tmp_path / "batching_parameters.txt"
    file.write_text(batching_parameters(setting, max_enqueued_batches=7, notes=["why"]))

    assert read_batching_parameters(file) == BatchingParameters(
        max_batch_size=setting.batch_sizes[-1],
        batch_timeout_micros=0,
        max_enqueued_batches=7,
        num_batch_threads=setting.batch_threads,
        allowed_batch_sizes=setting.batch_sizes,
    )


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_session_configuration_holds_the_threads(setting):
    config = text_format.Parse(session_config(setting, notes=["why"]), config_pb2.ConfigProto())

    assert config == config_pb2.ConfigProto(
        intra_op_parallelism_threads=setting.intra_op_threads, inter_op_parallelism_threads=setting.inter_op_threads
    )


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_flags_give_a_server_that_takes_threads_from_flags_alone_those_of_the_file(setting, tmp_path):
    (tmp_path / "batching_parameters.txt").write_text(batching_parameters(setting))
    (tmp_path / "session_config.txt").write_text(session_config(setting))

    options = parse(["--model_base_path=/models", *flags(Candidate(setting), tmp_path)])

    config = session_config_of(options)
    by_flag = (options.tensorflow_intra_op_parallelism, options.tensorflow_inter_op_parallelism)
    by_both = (config.intra_op_parallelism_threads, config.inter_op_parallelism_threads)
    assert by_flag == by_both == (setting.intra_op_threads, setting.inter_op_threads)
    assert options.enable_batching
    assert read_batching_parameters(Path(options.batching_parameters_file)).num_batch_threads == setting.batch_threads


def test_a_default_is_given_no_files(tmp_path):
    assert flags(BATCHED, tmp_path) == ["--enable_batching"]
    assert flags(UNBATCHED, tmp_path) == []


def test_notes_are_comments_above_the_values():
    text = session_config(Setting(2, 1, 2, (1,)), notes=["one", "two"])

    assert text == "# one\n# two\nintra_op_parallelism_threads: 1\ninter_op_parallelism_threads: 2\n"
