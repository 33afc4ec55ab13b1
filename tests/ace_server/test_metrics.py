"""What is counted: in pure form, and by a real server that batches."""

import asyncio
import runpy
from pathlib import Path

import grpc
import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tensorflow_serving.apis import inference_pb2, predict_pb2, prediction_service_pb2_grpc

from ace_server.errors import NotFound
from ace_server.metrics import Metrics, Run

WRITE_MODELS = Path(__file__).parent.parent / "contract" / "write_models.py"
CALLS = "ace_server_calls_total"


def values(text):
    """The page as {name: {label values: number}}.

    Read by Prometheus' own parser for Python, which appends `_total` to counters that are written without it.
    """
    read = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            name = sample.name if f"\n{sample.name}{{" in text else sample.name.removesuffix("_total")
            read.setdefault(name, {})[tuple(sample.labels.values())] = sample.value
    return read


def test_a_call_counts_under_the_status_that_it_ends_with():
    metrics = Metrics()
    with metrics.call("m", "Predict", "GRPC") as call:
        call.version = "7"
    for error in (NotFound("no"), ZeroDivisionError(), asyncio.CancelledError()):
        with pytest.raises(type(error)), metrics.call("m", "Predict", "GRPC"):
            raise error

    page = values(metrics.page())

    assert page[":tensorflow:serving:request_count"] == {
        ("m", status): 1 for status in ("OK", "NOT_FOUND", "INTERNAL", "CANCELLED")
    }
    assert page[CALLS][("m", "7", "Predict", "GRPC", "OK")] == 1
    assert page[CALLS][("m", "", "Predict", "GRPC", "NOT_FOUND")] == 1


def test_only_calls_that_succeed_have_a_latency():
    metrics = Metrics()
    with metrics.call("m", "Predict", "GRPC"):
        pass
    with pytest.raises(NotFound), metrics.call("m", "Predict", "GRPC"):
        raise NotFound("no")

    assert values(metrics.page())[":tensorflow:serving:request_latency_count"] == {("m", "Predict", "GRPC"): 1}


def test_a_call_is_in_flight_until_it_ends():
    metrics = Metrics()
    with metrics.call("m", "predict", "REST"):
        during = values(metrics.page())["ace_server_calls_in_flight"]

    assert during == {("predict", "REST"): 1}
    assert values(metrics.page())["ace_server_calls_in_flight"] == {("predict", "REST"): 0}


def test_latencies_have_the_buckets_of_tensorflow_serving():
    metrics = Metrics()
    with metrics.call("m", "Predict", "GRPC"):
        pass

    bounds = [key[-1] for key in values(metrics.page())[":tensorflow:serving:request_latency_bucket"]]

    assert bounds[:5] == ["10", "18", "32.4", "58.32", "104.976"]
    assert len(bounds) == 33 + 1


def test_a_merged_run_counts_rows_padding_and_waits():
    metrics = Metrics()
    metrics.runs.ran("m", 3, Run(rows=[1, 2], padded_rows=4, waits_s=[0.5, 0.25], run_s=0.125), merging=True)

    page = values(metrics.page())

    session = ":tensorflow:serving:batching_session:"
    assert page[f"{session}wrapped_run_count"] == {(): 1}
    assert page[f"{session}input_batch_size_sum"] == {(): 3}
    assert page[f"{session}processed_batch_size_sum"] == {(): 4}
    assert page[f"{session}padding_size_sum"] == {(): 1}
    assert page[f"{session}queuing_latency_sum"] == {("batch_threads",): 750_000}
    assert page[":tensorflow:core:graph_run_time_usecs"] == {(): 125_000}
    assert page["ace_server_queue_seconds_sum"] == {("m", "3"): 0.75}
    assert page["ace_server_batch_rows_sum"] == {("m", "3"): 3}
    assert page["ace_server_padding_rows_total"] == {("m", "3"): 1}


def test_a_version_that_has_gone_leaves_no_series():
    metrics = Metrics()
    for version in (1, 2):
        metrics.runs.ran("m", version, Run(rows=[1], padded_rows=1, waits_s=[0.0], run_s=0.0), merging=False)

    metrics.forget("m", 1)

    assert values(metrics.page())["ace_server_run_seconds_count"] == {("m", "2"): 1}


@pytest.fixture(scope="module")
def server(serve, probe_path, tmp_path_factory):
    """A server of a probe and of the contract's parse that batches and has its metrics at a path of its own."""
    folder = tmp_path_factory.mktemp("config")
    runpy.run_path(str(WRITE_MODELS))["parse"](folder / "parse")
    bases = {"probe": probe_path.parent, "parse": folder / "parse"}
    models = [f'{{ name: "{name}" base_path: "{path}" model_platform: "tensorflow" }}' for name, path in bases.items()]
    (folder / "models.config").write_text("model_config_list { " + " ".join(f"config {m}" for m in models) + " }")
    (folder / "monitoring.config").write_text('prometheus_config { enable: true path: "/metrics" }')
    (folder / "batching.config").write_text("max_batch_size { value: 4 } allowed_batch_sizes: [2, 4]")
    return serve(
        None,
        "--rest_api_port=-1",
        f"--model_config_file={folder / 'models.config'}",
        "--enable_batching",
        f"--batching_parameters_file={folder / 'batching.config'}",
        f"--monitoring_config_file={folder / 'monitoring.config'}",
    )


@pytest.fixture(scope="module")
def page(server):
    """The metrics after one call of each kind."""
    with httpx.Client(base_url=server.rest_url) as client:
        client.post("/v1/models/probe:predict", json={"instances": [1.0]}).raise_for_status()
        client.post("/v1/models/probe:predict", json={"instances": ["a"]})
        client.post("/v1/models/nobody:predict", json={"instances": [1.0]})
        with grpc.insecure_channel(server.address) as channel:
            request = predict_pb2.PredictRequest()
            request.model_spec.name = "probe"
            request.inputs["x"].CopyFrom(_floats(1.0, 2.0, 3.0))
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            stub.Predict(request, timeout=30)
            stub.MultiInference(_regress_and_classify(), timeout=30)
            with pytest.raises(grpc.RpcError):
                stub.MultiInference(inference_pb2.MultiInferenceRequest(), timeout=30)
        answer = client.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return values(answer.text)


def _floats(*numbers):
    proto = predict_pb2.PredictRequest().inputs["x"]
    proto.dtype = 1
    proto.tensor_shape.dim.add(size=len(numbers))
    proto.float_val.extend(numbers)
    return proto


def _regress_and_classify():
    request = inference_pb2.MultiInferenceRequest()
    for method in ("regress", "classify"):
        task = request.tasks.add(method_name=f"tensorflow/serving/{method}")
        task.model_spec.name, task.model_spec.signature_name = "parse", f"{method}_x_to_y"
    request.input.example_list.examples.add()
    return request


def test_a_server_counts_requests_of_both_transports(page):
    assert page[":tensorflow:serving:request_count"] == {
        ("probe", "OK"): 2,
        ("probe", "INVALID_ARGUMENT"): 1,
        ("", "NOT_FOUND"): 1,  # of a name that its caller made up, and is not to be remembered
        ("parse", "OK"): 1,
        ("", "INVALID_ARGUMENT"): 1,
    }
    assert page[":tensorflow:serving:request_latency_count"] == {
        ("probe", "predict", "REST"): 1,
        ("probe", "Predict", "GRPC"): 1,
        ("parse", "MultiInference", "GRPC"): 1,
    }
    assert page[":tensorflow:serving:runtime_latency_count"][("probe", "Predict", "TF1")] == 2
    assert page[CALLS][("probe", "1", "Predict", "GRPC", "OK")] == 1
    assert page[CALLS][("parse", "1", "MultiInference", "GRPC", "OK")] == 1
    assert page[CALLS][("", "", "MultiInference", "GRPC", "INVALID_ARGUMENT")] == 1


def test_a_server_counts_what_its_batches_were_made_of(page):
    assert page["ace_server_batch_rows_sum"] == {("probe", "1"): 4, ("parse", "1"): 2}
    assert page["ace_server_padding_rows_total"] == {("probe", "1"): 2, ("parse", "1"): 2}
    assert page[":tensorflow:serving:batching_session:wrapped_run_count"] == {(): 4}
    assert page["ace_server_run_seconds_count"] == {("probe", "1"): 2, ("parse", "1"): 2}


def test_a_server_shows_its_versions_and_how_long_they_took_to_load(page, probe_path):
    assert page["ace_server_version_state"] == {("probe", "1", "AVAILABLE"): 1, ("parse", "1", "AVAILABLE"): 1}
    assert page[":tensorflow:cc:saved_model:load_attempt_count"][(str(probe_path), "success")] == 1
    assert page[":tensorflow:serving:model_warmup_latency_count"][(str(probe_path), "OK")] == 1
    assert page["ace_server_load_seconds"][("probe", "1")] > 0
    written_s = (probe_path / "saved_model.pb").stat().st_mtime
    assert page["ace_server_version_written_timestamp_seconds"][("probe", "1")] == pytest.approx(written_s, abs=60)


def test_a_server_shows_its_memory(page):
    assert page["process_resident_memory_bytes"][()] > 1e6


def test_the_default_path_is_free_where_the_file_names_another(server, page):
    assert httpx.get(f"{server.rest_url}/monitoring/prometheus/metrics").status_code == 404
