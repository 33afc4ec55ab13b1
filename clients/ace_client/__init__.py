"""The client of a served detector: images in, verdicts out, over gRPC, without TensorFlow."""

import logging

from .answers import Verdict, VersionStatus
from .async_detector import AsyncDetector
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
    SetupError,
    UnexpectedAnswer,
)
from .hooks import Attempt, Hook, Outcome, Start, Watcher
from .options import Options
from .security import INSECURE, Security
from .signatures import Metadata, Signature, TensorSpec

__all__ = [
    "INSECURE",
    "AceError",
    "AsyncDetector",
    "Attempt",
    "CallError",
    "DeadlineExceeded",
    "Detector",
    "Hook",
    "ImageError",
    "Metadata",
    "ModelNotFound",
    "Options",
    "Outcome",
    "Overloaded",
    "RequestRejected",
    "Security",
    "ServerFailure",
    "ServerUnavailable",
    "SetupError",
    "Signature",
    "Start",
    "TensorSpec",
    "UnexpectedAnswer",
    "Verdict",
    "VersionStatus",
    "Watcher",
]

logging.getLogger(__name__).addHandler(logging.NullHandler())  # silent unless the application listens
