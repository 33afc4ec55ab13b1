"""TensorFlow Serving's MonitoringConfig files."""

import pytest

from ace_server.errors import StartError
from ace_server.monitoring_config import read_metrics_path


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("", "/monitoring/prometheus/metrics"),
        ("prometheus_config { enable: true }", "/monitoring/prometheus/metrics"),
        ('prometheus_config { enable: true path: "/metrics" }', "/metrics"),
        ('prometheus_config { path: "/metrics" }', "/metrics"),
        ('prometheus_config { enable: false path: "/metrics" }', None),
    ],
)
def test_reads_where_the_metrics_are(tmp_path, text, path):
    file = tmp_path / "monitoring.config"
    file.write_text(text)

    assert read_metrics_path(file) == path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prometheus_config { enabled: true }", r'monitoring\.config:1:21: .* no field named "enabled"'),
        (
            '\nprometheus_config { path: "metrics" }',
            r"monitoring\.config:2: path must begin with a slash, but is ",
        ),
    ],
)
def test_says_what_is_wrong_with_a_file(tmp_path, text, message):
    file = tmp_path / "monitoring.config"
    file.write_text(text)

    with pytest.raises(StartError, match=message):
        read_metrics_path(file)


def test_says_that_a_file_is_not_there(tmp_path):
    with pytest.raises(StartError, match=r"Cannot read --monitoring_config_file=.*: No such file"):
        read_metrics_path(tmp_path / "none")
