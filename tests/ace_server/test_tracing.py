"""When calls are traced, and that nothing of OpenTelemetry is loaded when they are not."""

import subprocess
import sys

import pytest

from ace_server.errors import StartError
from ace_server.tracing import asked_for, new_spans

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4317"}


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, False),
        ({"OTEL_SERVICE_NAME": "detector"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        (ENDPOINT, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4317"}, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({**ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, True),
        ({**ENDPOINT, "OTEL_TRACES_EXPORTER": "none"}, False),
        ({**ENDPOINT, "OTEL_SDK_DISABLED": "True"}, False),
    ],
)
def test_calls_are_traced_where_the_environment_names_a_collector(environment, wanted):
    assert asked_for(environment) is wanted


@pytest.mark.parametrize(
    ("environment", "complaint"),
    [
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "OTEL_TRACES_EXPORTER is zipkin; spans leave by otlp only"),
        (
            {**ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"},
            "OTEL_EXPORTER_OTLP_PROTOCOL is http/protobuf; spans leave by grpc only",
        ),
    ],
)
def test_what_cannot_be_had_is_refused(environment, complaint):
    with pytest.raises(StartError, match=complaint):
        asked_for(environment)


def test_spans_without_the_extra_are_refused_with_its_name(monkeypatch):
    monkeypatch.delitem(sys.modules, "ace_server.spans", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)  # as if it were not installed

    with pytest.raises(StartError, match=r"opentelemetry is not installed\. pip install 'ace-detector\[server,otel\]'"):
        new_spans(ENDPOINT)


def test_nothing_of_opentelemetry_is_imported_where_there_are_no_spans():
    code = """if True:
        import sys
        from ace_server import observing, tracing
        assert tracing.new_spans({}) is None
        sys.exit("opentelemetry" in sys.modules)
    """
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
