"""MonitoringConfig, from TensorFlow Serving's text files: where the metrics are."""

from pathlib import Path

from . import text_files
from .errors import WrongField
from .protos import monitoring_config_pb2

DEFAULT_PATH = "/monitoring/prometheus/metrics"


def read_metrics_path(file: Path) -> str | None:
    """The path at which the REST port serves the metrics; None where the file turns them off.

    Raises:
        StartError: the file cannot be read, is no MonitoringConfig, or its path is none.
    """
    text_file = text_files.read(file, monitoring_config_pb2.MonitoringConfig(), flag="monitoring_config_file")
    config = text_file.message.prometheus_config
    if config.HasField("enable") and not config.enable:
        return None
    path = config.path or DEFAULT_PATH
    if not path.startswith("/"):
        with text_file.located():
            raise WrongField("path", f"path must begin with a slash, but is {path}.", value=path)
    return path
