"""The client of a served detector: images in, verdicts out, over gRPC, without TensorFlow."""

from .answers import Verdict, VersionStatus
from .detector import Detector
from .errors import (
    AceError,
    CallError,
    DeadlineExceeded,
    ImageError,
    ModelNotFound,
    Overloaded,
    RequestRejected,
    ServerFailure,
    ServerUnavailable,
    UnexpectedAnswer,
)

__all__ = [
    "AceError",
    "CallError",
    "DeadlineExceeded",
    "Detector",
    "ImageError",
    "ModelNotFound",
    "Overloaded",
    "RequestRejected",
    "ServerFailure",
    "ServerUnavailable",
    "UnexpectedAnswer",
    "Verdict",
    "VersionStatus",
]
