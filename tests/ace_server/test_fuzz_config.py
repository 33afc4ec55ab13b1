"""Whatever a configuration file holds, it is read, or refused by one of our errors that says where it is wrong."""

import re

import pytest
from google.protobuf.descriptor import FieldDescriptor
from hypothesis import given
from hypothesis import strategies as st
from tensorflow.core.protobuf import config_pb2
from tensorflow_serving.config import model_server_config_pb2

from ace_server import text_files
from ace_server.bearer_tokens import read_tokens
from ace_server.config import read_batching_parameters
from ace_server.errors import StartError
from ace_server.followed_file import text_reader
from ace_server.model_config import read_model_config
from ace_server.monitoring_config import read_metrics_path
from ace_server.protos import batching_parameters_pb2, monitoring_config_pb2, ssl_config_pb2
from ace_server.tls import read_certificates

FILES = {
    "models": (read_model_config, model_server_config_pb2.ModelServerConfig),
    "batching": (read_batching_parameters, batching_parameters_pb2.BatchingParameters),
    "monitoring": (read_metrics_path, monitoring_config_pb2.MonitoringConfig),
    "session": (lambda path: text_files.read(path, config_pb2.ConfigProto()), config_pb2.ConfigProto),
    "tls": (text_reader(read_certificates), ssl_config_pb2.SSLConfig),
    "tokens": (text_reader(read_tokens), ssl_config_pb2.SSLConfig),
}
WHOLE = {
    "models": """model_config_list { config {
        name: "m" base_path: "/a" model_platform: "tensorflow" model_type: 1
        model_version_policy { specific { versions: 4 versions: 5 } } version_labels { key: "l" value: 4 }
        logging_config {
            log_collector_config { type: "file" filename_prefix: "/tmp/l" } sampling_config { sampling_rate: 0.5 }
        }
    } }""",
    "batching": """max_batch_size { value: 8 } batch_timeout_micros { value: 10 } max_enqueued_batches { value: 3 }
        num_batch_threads { value: 2 } allowed_batch_sizes: 4 allowed_batch_sizes: 8
        enable_large_batch_splitting { value: true } max_execution_batch_size { value: 8 }""",
    "monitoring": 'prometheus_config { enable: true path: "/metrics" }',
    "session": 'inter_op_parallelism_threads: 2 gpu_options { allow_growth: true } device_count { key: "a" value: 1 }',
}
VALUE = re.compile(r'(".*?")|\b(?:[0-9.]+|true)\b')
TEXTS = st.sampled_from(
    [
        "",
        "/",
        "/a",
        "a",
        "tensorflow",
        "file",
        "/no/where",
        "/" + "x" * 300 + "/a",
        "/\\000",
        "\\377",
        "\\ud800",
        "é",
        "-----BEGIN",
    ]
)
NUMBERS = st.integers(-(2**65), 2**65).map(str) | st.sampled_from(
    ["0", "1", "-1", "4", "2147483648", "0x7f", "1.5", "1e400", "-inf", "nan", "true"]
)
SCALARS = {
    FieldDescriptor.CPPTYPE_STRING: TEXTS.map('"{}"'.format) | st.text(max_size=5).map('"{}"'.format),
    FieldDescriptor.CPPTYPE_BOOL: st.sampled_from(["true", "false", "1", "2"]),
    FieldDescriptor.CPPTYPE_ENUM: st.sampled_from(["0", "1", "99", "ON_1", "NO_SUCH"]),
}
JUNK = st.sampled_from(
    ["{", "}", "<", ">", "[", "]", ":", '"', "'", "\\", "#", ",", ";", "\x00", "\r", "é", "any", "9" * 5000]
)


@st.composite
def texts_of(draw, descriptor, depth=5):
    """Text of such a message, whose values need not be possible."""
    lines = []
    for field in draw(st.lists(st.sampled_from(list(descriptor.fields)), max_size=3)) if descriptor.fields else []:
        if field.message_type is None:
            value = draw(SCALARS.get(field.cpp_type, NUMBERS))
            lines.append(f"{field.name}: {value}")
        elif depth:
            lines.append(f"{field.name} {{ {draw(texts_of(field.message_type, depth - 1))} }}")
    return draw(st.sampled_from(["\n", " ", " # \n"])).join(lines)


@st.composite
def contents(draw, descriptor, whole):
    """A file's bytes: `whole` with other values, or such a message's text as drawn; some of it something else."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=50) | deep())
    text = draw(st.just(whole) | texts_of(descriptor))
    for _ in range(draw(st.sampled_from([0, 1, 2])) if text == whole else 0):
        found = draw(st.sampled_from(list(VALUE.finditer(whole))))
        text = text.replace(found[0], draw(SCALARS[FieldDescriptor.CPPTYPE_STRING] if found[1] else NUMBERS))
    for _ in range(draw(st.sampled_from([0, 0, 1, 3]))):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(JUNK) + text[at + draw(st.integers(0, 8)) :]
    return text.encode("utf-8", "surrogatepass")


def deep():
    """Messages in messages, as far as text can be nested."""
    nests = [
        ("", "custom_model_config { [type.googleapis.com/tensorflow.serving.ModelServerConfig] {", "}}"),
        (
            "graph_options { rewrite_options { custom_optimizers { parameter_map { value {",
            "func { attr { value {",
            "}}}",
        ),
    ]
    text = st.builds(
        lambda nest, count: nest[0] + nest[1] * count + nest[2] * count, st.sampled_from(nests), st.integers(1, 2000)
    )
    return text.map(str.encode)


@pytest.mark.filterwarnings("ignore:invalid escape sequence:DeprecationWarning")  # of protobuf's, for "\\-"
@pytest.mark.parametrize("kind", FILES)
@given(data=st.data())
def test_any_file_is_read_or_refused_with_its_path(folder, certificates, kind, data):
    read, message = FILES[kind]
    path = folder / kind
    whole = certificates if kind == "tls" else WHOLE.get(kind, "0")
    path.write_bytes(data.draw(contents(message.DESCRIPTOR, whole)))

    try:
        read(path)
    except StartError as error:
        text = str(error)
        assert text.startswith(str(path))
        assert re.search(rf"^{re.escape(str(path))}(:\d+| is no text|: )", text)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


@pytest.fixture(scope="module")
def certificates(new_identity):
    return new_identity().ssl_config
