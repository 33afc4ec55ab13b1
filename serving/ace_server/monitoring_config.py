"""MonitoringConfig, from TensorFlow Serving's text files: where the metrics are."""

from pathlib import Path

from google.protobuf import text_format

from .errors import StartError
from .protos import monitoring_config_pb2

DEFAULT_PATH = "/monitoring/prometheus/metrics"


def read_metrics_path(file: Path) -> str | None:
    """The path at which the REST port serves the metrics; None where the file turns them off.

    Raises:
        StartError: the file cannot be read, is no MonitoringConfig, or its path is none.
    """
    try:
        message = text_format.Parse(file.read_text(), monitoring_config_pb2.MonitoringConfig())
    except OSError as error:
        raise StartError(f"Cannot read --monitoring_config_file={file}: {error.strerror}.") from error
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise StartError(f"{file} is no text file of MonitoringConfig: {error}") from error
    config = message.prometheus_config
    if config.HasField("enable") and not config.enable:
        return None
    path = config.path or DEFAULT_PATH
    if not path.startswith("/"):
        raise StartError(f"{file} asks for metrics at {path}; write a path that begins with a slash.")
    return path
