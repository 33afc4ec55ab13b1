"""The text that a Prometheus server reads after calls to a real port."""

import math
import subprocess
import sys
import threading
from itertools import count

import grpc
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from ace_client import CallError, Options, Overloaded, prometheus


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
def watched(connect, server, registry):
    with connect(server.address, deadline_s=20, options=Options(hooks=(prometheus.hook(registry),))) as detector:
        yield detector


def exposed(registry, server) -> dict[str, float]:
    """The samples in the exposition text, without buckets and dates, by name, method and what else differs."""
    found = {}
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        for sample in family.samples:
            if not sample.name.endswith(("_bucket", "_created")):
                labels = dict(sample.labels)
                assert (labels.pop("target"), labels.pop("model")) == (server.address, "detector")
                name = sample.name.removeprefix("ace_client_")
                method = filter(None, [labels.pop("method", None)])
                found[" ".join((name, *method, *labels.values()))] = sample.value
    return found


def test_a_request_with_a_retry_is_counted_with_its_stages_and_attempts(watched, server, registry):
    numbers, answer = count(1), server.predict
    server.predict = lambda request, context: (
        context.abort(grpc.StatusCode.UNAVAILABLE, "not now") if next(numbers) == 1 else answer(request, context)
    )

    watched.detect(b"x" * 500)

    found = exposed(registry, server)
    seconds = {name: found.pop(name) for name in list(found) if "_seconds_sum" in name}
    assert found == {
        "requests_in_flight Predict": 0,
        "request_duration_seconds_count Predict OK": 1,
        "request_stage_duration_seconds_count Predict encode": 1,
        "request_stage_duration_seconds_count Predict wait": 1,
        "request_stage_duration_seconds_count Predict decode": 1,
        "attempt_duration_seconds_count Predict UNAVAILABLE": 1,
        "attempt_duration_seconds_count Predict OK": 1,
        "retries_total Predict": 1,
        "hedges_total Predict": 0,
        "prob_fake_count 7": 1,
        "prob_fake_sum 7": 0.5,
        "unreadable_images_total 7": 0,
    }
    assert all(each > 0 for each in seconds.values())
    whole = seconds.pop("request_duration_seconds_sum Predict OK")
    assert whole == pytest.approx(sum(each for name, each in seconds.items() if "stage" in name))


def test_scores_are_counted_by_the_version_that_gave_them_and_images_without_one_apart(watched, server, registry):
    answer = server.predict

    def predict(request, context):
        response = answer(request, context)
        response.outputs["prob_fake"].float_val[:] = [0.04, 0.96, math.nan]
        response.outputs["error"].string_val[:] = [b"", b"", b"no image"]
        return response

    server.predict = predict
    watched.detect([b"real", b"fake", b"garbage"], version=3)

    text = generate_latest(registry).decode()
    assert [line.split()[-1] for line in text.splitlines() if "prob_fake_bucket" in line] == (
        ["1.0"] * 19 + ["2.0"] * 2
    )
    found = exposed(registry, server)
    assert found["prob_fake_sum 3"] == pytest.approx(1.0)
    assert found["unreadable_images_total 3"] == 1


def test_an_error_is_counted_by_its_class(watched, server, registry):
    def predict(_request, context):
        context.set_trailing_metadata((("grpc-retry-pushback-ms", "-1"),))
        context.abort(
            grpc.StatusCode.UNAVAILABLE, "The batch scheduling queue to which this task was submitted is full"
        )

    server.predict = predict
    for _ in range(2):
        with pytest.raises(Overloaded):
            watched.detect(b"image")

    found = exposed(registry, server)
    assert found["errors_total Predict Overloaded"] == 2
    assert found["request_duration_seconds_count Predict UNAVAILABLE"] == 2
    assert found["requests_in_flight Predict"] == 0


def test_what_is_under_way_is_in_flight(watched, server, registry):
    arrived, release, answer = threading.Event(), threading.Event(), server.predict

    def predict(request, context):
        arrived.set()
        release.wait(20)
        return answer(request, context)

    server.predict = predict
    caller = threading.Thread(target=watched.detect, args=(b"image",))
    caller.start()
    assert arrived.wait(20)

    assert exposed(registry, server)["requests_in_flight Predict"] == 1
    release.set()
    caller.join()
    assert exposed(registry, server)["requests_in_flight Predict"] == 0


def test_a_second_attempt_beside_a_slow_one_is_a_hedge_and_no_retry(connect, server, registry):
    answer = server.predict
    options = Options(hedging=True, hooks=(prometheus.hook(registry),))

    with connect(server.address, deadline_s=20, options=options) as detector:
        for _ in range(40):
            detector.detect(b"image")
        before = exposed(registry, server)
        release, numbers = threading.Event(), count(1)

        def predict(request, context):
            if next(numbers) == 1:
                release.wait(20)
            return answer(request, context)

        server.predict = predict
        detector.detect(b"image")
        release.set()

    found = exposed(registry, server)
    assert found["hedges_total Predict"] == before["hedges_total Predict"] + 1
    assert found["retries_total Predict"] == 0


def test_detectors_of_one_registry_count_together(connect, server, registry):
    for _ in range(2):
        with connect(server.address, options=Options(hooks=(prometheus.hook(registry),))) as detector:
            detector.model_status()

    assert exposed(registry, server)["request_duration_seconds_count GetModelStatus OK"] == 2


@pytest.mark.parametrize(
    ("lacking", "module", "extra"),
    [("prometheus_client", "prometheus", "prometheus"), ("opentelemetry", "otel", "otel")],
)
def test_a_missing_extra_is_named(lacking, module, extra):
    program = f"import sys; sys.modules[{lacking!r}] = None\nimport ace_client.{module}"

    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert run.returncode == 1
    assert f"pip install 'ace-detector[{extra}]'" in run.stderr.splitlines()[-1]


def test_an_answer_that_is_not_the_contract_is_an_error_of_a_request_whose_attempt_was_fine(watched, server, registry):
    answer = server.predict

    def predict(request, context):
        response = answer(request, context)
        del response.outputs["label"]
        return response

    server.predict = predict
    with pytest.raises(CallError):
        watched.detect(b"image")

    found = exposed(registry, server)
    assert found["errors_total Predict UnexpectedAnswer"] == 1
    assert found["attempt_duration_seconds_count Predict OK"] == 1
