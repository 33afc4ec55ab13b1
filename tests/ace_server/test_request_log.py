"""Request logs: what a config may ask for, and what a real server writes."""

import re
import resource
import shutil
import time

import grpc
import httpx
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    inference_pb2,
    predict_pb2,
    prediction_log_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)
from tensorflow_serving.config import logging_config_pb2

from ace_server.errors import WrongField
from ace_server.request_log import RequestLogging, request_logging_of
from ace_server.servable import Servable
from ace_server.warmup import warm_up

MODEL = """
config {{
  name: "{name}" base_path: "{path}" model_platform: "tensorflow"
  logging_config {{
    log_collector_config {{ type: "file" filename_prefix: "{prefix}" }} sampling_config {{ sampling_rate: {rate} }}
  }}
}}"""


def config(rate, **collector):
    message = logging_config_pb2.LoggingConfig(log_collector_config=collector)
    message.sampling_config.sampling_rate = rate
    return message


def test_a_model_without_logging_config_is_not_logged():
    assert request_logging_of("m", logging_config_pb2.LoggingConfig()) is None


def test_a_rate_of_zero_logs_nothing(tmp_path):
    assert request_logging_of("m", config(0.0, filename_prefix=str(tmp_path / "log"))) is None


def test_a_config_says_how_much_is_logged_and_where(tmp_path):
    prefix = str(tmp_path / "log")

    assert request_logging_of("m", config(0.25, type="file", filename_prefix=prefix)) == RequestLogging(prefix, 0.25)


@pytest.mark.parametrize(
    ("rate", "collector", "advice"),
    [
        (1.5, {"filename_prefix": "/tmp/log"}, "between 0 and 1"),
        (1.0, {}, "absolute path"),
        (1.0, {"filename_prefix": "log"}, "absolute path"),
        (1.0, {"filename_prefix": "/nowhere/log"}, "exists"),
        (1.0, {"filename_prefix": f"/{'long' * 100}/log"}, "exists"),
        (1.0, {"filename_prefix": "/tmp/log", "type": "kafka"}, "kafka"),
    ],
)
def test_a_wrong_config_is_refused_with_what_would_be_right(rate, collector, advice):
    with pytest.raises(WrongField, match=advice):
        request_logging_of("m", config(rate, **collector))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the server logs to."""
    return tmp_path_factory.mktemp("logs")


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    """A model with the signatures of Classify and Regress."""
    path = tmp_path_factory.mktemp("examples") / "1"
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        inputs = tf.compat.v1.placeholder(tf.string, [None], "examples")
        lengths = tf.cast(tf.strings.length(inputs), tf.float32)
        names = {"inputs": inputs}, {"outputs": lengths}, {"scores": tf.expand_dims(lengths, 1)}
        given, value, scores = (
            {name: tf.compat.v1.saved_model.build_tensor_info(tensor) for name, tensor in tensors.items()}
            for tensors in names
        )
        define = tf.compat.v1.saved_model.build_signature_def
        builder = tf.compat.v1.saved_model.Builder(str(path))
        signatures = {
            "serving_default": define(given, value, "tensorflow/serving/regress"),
            "classify": define(given, scores, "tensorflow/serving/classify"),
        }
        builder.add_meta_graph_and_variables(session, ["serve"], signature_def_map=signatures)
        builder.save()
    return path


@pytest.fixture(scope="module")
def server(serve, folder, probe_path, examples):
    """A server that logs every request for `probe` and `examples`, and none for `quiet`."""
    models = [
        MODEL.format(name="probe", path=probe_path.parent, prefix=folder / "probe", rate=1.0),
        MODEL.format(name="examples", path=examples.parent, prefix=folder / "examples", rate=1.0),
        MODEL.format(name="quiet", path=probe_path.parent, prefix=folder / "quiet", rate=0.0),
    ]
    (folder / "models.config").write_text(f"model_config_list {{ {''.join(models)} }}")
    return serve(None, "--rest_api_port=-1", f"--model_config_file={folder / 'models.config'}")


@pytest.fixture(scope="module")
def stub(server):
    """The server over gRPC."""
    with grpc.insecure_channel(server.address) as channel:
        yield prediction_service_pb2_grpc.PredictionServiceStub(channel)


def predict_request(model, *numbers):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    request.inputs["x"].CopyFrom(tf.make_tensor_proto(np.array(numbers, np.float32)))
    return request


def logged(server, folder, model, at_least=1):
    """A model's only file and its records, once the server has counted as many as are in it: it writes behind calls."""
    pattern = rf':tensorflow:serving:request_log_count{{model_name="{model}",status_code="OK"}} (\d+)'
    deadline_s = time.monotonic() + 60
    while time.monotonic() < deadline_s:
        found = re.search(pattern, httpx.get(f"{server.rest_url}/monitoring/prometheus/metrics").text)
        files = list(folder.glob(f"{model}-*.tfrecord"))
        records = [record for file in files for record in tf.compat.v1.io.tf_record_iterator(str(file))]
        if found and at_least <= int(found[1]) == len(records):
            [file] = files
            return file, [prediction_log_pb2.PredictionLog.FromString(record) for record in records]
        time.sleep(0.05)
    raise TimeoutError(f"{len(records)} records, {found} counted")


def test_predict_is_logged_from_both_transports_with_its_answer(server, stub, folder):
    request = predict_request("probe", 1.0, 2.0)
    response = stub.Predict(request, timeout=30)
    httpx.post(f"{server.rest_url}/v1/models/probe:predict", json={"instances": [4.0]}).raise_for_status()
    with pytest.raises(grpc.RpcError):
        stub.Predict(predict_pb2.PredictRequest(model_spec={"name": "probe"}), timeout=30)

    _, [first, second] = logged(server, folder, "probe", at_least=2)

    assert (first.predict_log.request, first.predict_log.response) == (request, response)
    assert first.log_metadata.model_spec.version.value == 1
    assert first.log_metadata.sampling_config.sampling_rate == 1.0
    assert first.log_metadata.timestamp_secs > 1.7e9
    assert second.predict_log.response.outputs["y"].tensor_content == np.float32(4).tobytes()  # 4 / 2 + 2


def test_classify_regress_and_multi_inference_are_logged(server, stub, folder):
    example = tf.train.Example(features={"feature": {"x": {"float_list": {"value": [1.0]}}}})
    regress = regression_pb2.RegressionRequest(model_spec={"name": "examples"})
    regress.input.example_list.examples.append(example)
    stub.Regress(regress, timeout=30)
    multi = inference_pb2.MultiInferenceRequest(input=regress.input)
    multi.tasks.add(model_spec={"name": "examples"}, method_name="tensorflow/serving/regress")
    stub.MultiInference(multi, timeout=30)
    body = {"signature_name": "classify", "examples": [{"x": 1.0}]}
    httpx.post(f"{server.rest_url}/v1/models/examples:classify", json=body).raise_for_status()

    _, records = logged(server, folder, "examples", at_least=3)

    kinds = [record.WhichOneof("log_type") for record in records]
    assert kinds == [
        "regress_log",
        "multi_inference_log",
        "classify_log",
    ]
    assert records[0].regress_log.request == regress
    assert len(records[2].classify_log.response.result.classifications) == 1


def test_what_is_not_sampled_is_not_logged(stub, folder):
    stub.Predict(predict_request("quiet", 1.0), timeout=30)

    assert list(folder.glob("quiet*")) == []


def test_a_log_is_a_warm_up(server, stub, folder, probe_path, tmp_path):
    stub.Predict(predict_request("probe", 1.0), timeout=30)
    file, records = logged(server, folder, "probe")
    version = shutil.copytree(probe_path, tmp_path / "1")
    (version / "assets.extra").mkdir(exist_ok=True)
    shutil.copy(file, version / "assets.extra" / "tf_serving_warmup_requests")
    servable = Servable(version, name="probe", version=1)

    assert warm_up(servable) == len(records)
    servable.close()


def test_a_disk_that_takes_no_more_fails_no_call_and_is_an_error_once(server, stub, folder):
    stub.Predict(predict_request("probe", 1.0), timeout=30)
    file, records = logged(server, folder, "probe")
    limit = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (2**20, limit[1]))
    try:
        for _ in range(3):
            assert len(stub.Predict(predict_request("probe", *[1.0] * 2**18), timeout=30).outputs) == 3
    finally:
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, limit)

    server.wait_for_log("Cannot log requests")
    assert logged(server, folder, "probe") == (file, records)  # whole records only
    assert server.stderr_text().count("Cannot log requests") == 1
