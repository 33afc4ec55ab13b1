import pytest
from tensorflow.core.protobuf import rewriter_config_pb2

from ace_server.errors import StartError
from ace_server.options import Options
from ace_server.servable import Servable, SessionSettings
from ace_server.session_config import session_config


@pytest.fixture
def configured(tmp_path):
    """The session's configuration for a file of that text and these flags."""

    def read(text, **flags):
        file = tmp_path / "session.txt"
        file.write_text(text)
        return session_config(Options(model_base_path="/models", tensorflow_session_config_file=str(file), **flags))

    return read


def threads(config):
    return config.intra_op_parallelism_threads, config.inter_op_parallelism_threads


def test_without_a_file_sessions_have_threads_of_their_own_and_take_gpu_memory_as_they_need_it():
    config = session_config(Options(model_base_path="/models"))

    assert (threads(config), config.use_per_session_threads) == ((0, 0), True)
    assert (config.gpu_options.allow_growth, config.gpu_options.per_process_gpu_memory_fraction) == (True, 0)


def test_whatever_the_file_sets_is_kept(configured):
    config = configured(
        "intra_op_parallelism_threads: 1  # a comment\ninter_op_parallelism_threads: 3\nallow_soft_placement: true\n"
        "graph_options { rewrite_options { remapping: OFF } }\ngpu_options { visible_device_list: '0' }\n"
    )

    assert (threads(config), config.allow_soft_placement) == ((1, 3), True)
    assert config.graph_options.rewrite_options.remapping == rewriter_config_pb2.RewriterConfig.OFF
    assert config.gpu_options.visible_device_list == "0"


def test_threads_stay_those_of_the_session_whatever_the_file_says(configured):
    assert configured("use_per_session_threads: false").use_per_session_threads


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({"tensorflow_session_parallelism": 4}, (4, 4)),
        ({"tensorflow_intra_op_parallelism": 4}, (4, 0)),
        ({"tensorflow_inter_op_parallelism": 4}, (0, 4)),
    ],
)
def test_one_flag_decides_both_numbers_of_threads_as_in_tensorflow_serving(configured, flags, expected):
    config = configured("intra_op_parallelism_threads: 1 inter_op_parallelism_threads: 1", **flags)

    assert threads(config) == expected


def test_threads_that_tensorflow_serving_would_pass_over_are_told_of(configured, caplog):
    configured("intra_op_parallelism_threads: 1 inter_op_parallelism_threads: 2")

    assert "--tensorflow_intra_op_parallelism=1 --tensorflow_inter_op_parallelism=2" in caplog.text


def test_nothing_is_told_where_the_flags_say_it(configured, caplog):
    configured("intra_op_parallelism_threads: 1", tensorflow_intra_op_parallelism=1)

    assert caplog.text == ""


def test_the_share_of_gpu_memory_is_that_of_the_flag_before_that_of_the_file(configured):
    text = "gpu_options { per_process_gpu_memory_fraction: 0.5 }"

    kept, changed = configured(text), configured(text, per_process_gpu_memory_fraction=0.25)

    assert kept.gpu_options.per_process_gpu_memory_fraction == 0.5
    assert changed.gpu_options.per_process_gpu_memory_fraction == 0.25
    assert not kept.gpu_options.allow_growth


def test_a_share_of_gpu_memory_may_be_grown_into(configured):
    config = configured("gpu_options { per_process_gpu_memory_fraction: 0.5 allow_growth: true }")

    assert config.gpu_options.allow_growth


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("\nintra_op_threads: 1", r"session\.txt:2:1: no usable ConfigProto: .*intra_op_threads"),
        ("intra_op_parallelism_threads: many", r"session\.txt:1:31: no usable ConfigProto: .*many"),
        ("\n\nintra_op_parallelism_threads: -1", r"session\.txt:3: intra_op_parallelism_threads must not be negative"),
        ("device_count { key: 'CPU' value: 0 }", r"no session of .*session\.txt: No CPU devices"),
    ],
)
def test_what_makes_no_session_is_refused_by_file_line_and_field(configured, text, complaint):
    with pytest.raises(StartError, match=complaint):
        configured(text)


def test_a_missing_file_is_named():
    with pytest.raises(StartError, match=r"none\.txt"):
        session_config(Options(model_base_path="/models", tensorflow_session_config_file="/none.txt"))


def test_a_version_is_loaded_into_a_session_of_the_configuration(probe_path, configured):
    config = configured("graph_options { place_pruned_graph: true } inter_op_parallelism_threads: 1")

    servable = Servable(probe_path, name="probe", version=1, settings=SessionSettings(config=config))

    assert servable._session._config == config
    servable.close()


def test_a_server_says_what_is_wrong_with_the_file_and_does_not_start(serve, probe_path, tmp_path):
    file = tmp_path / "session.txt"
    file.write_text("inter_op_parallelism: 2")

    with pytest.raises(RuntimeError, match=r"ace-server: .*session\.txt:1:1: no usable ConfigProto"):
        serve(probe_path.parent, f"--tensorflow_session_config_file={file}")
