"""Whether calls are traced: the environment says so, in OpenTelemetry's own variables."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from .errors import StartError

if TYPE_CHECKING:
    from .spans import Spans

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")


def asked_for(environment: Mapping[str, str]) -> bool:
    """Whether it names an OTLP endpoint, or otlp as the exporter of traces, and does not turn them off.

    OpenTelemetry's default is to export to this machine; a server whose owner never heard of it would log that nothing
    answers there. https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/

    Raises:
        StartError: it asks for another exporter or protocol than OTLP over gRPC.
    """
    exporter = environment.get("OTEL_TRACES_EXPORTER", "").lower()
    endpoint = any(environment.get(name) for name in _ENDPOINTS)
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true" or exporter == "none" or not (exporter or endpoint):
        return False
    if exporter not in ("", "otlp"):
        raise StartError(f"OTEL_TRACES_EXPORTER is {exporter}; spans leave by otlp only. Write otlp, or none.")
    protocol = next((name for name in _PROTOCOLS if environment.get(name)), None)
    if protocol and environment[protocol] != "grpc":
        raise StartError(
            f"{protocol} is {environment[protocol]}; spans leave by grpc only, which a collector takes on port 4317. "
            "Write grpc, and that port into the endpoint; or OTEL_TRACES_EXPORTER=none."
        )
    return True


def new_spans(environment: Mapping[str, str]) -> "Spans | None":
    """Spans, where the environment asks for them. OpenTelemetry is imported only then.

    Raises:
        StartError: it is asked for what cannot be had, or OpenTelemetry is not installed.
    """
    if not asked_for(environment):
        return None
    try:
        from .spans import Spans
    except ImportError as error:
        raise StartError(
            f"The environment asks for OpenTelemetry spans, and {error.name} is not installed. "
            "pip install 'ace-detector[server,otel]', or set OTEL_SDK_DISABLED=true."
        ) from error
    return Spans()
