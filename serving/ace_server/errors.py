"""What can go wrong, and the status that a caller sees.

ServerError
├── StartError               the process cannot start: flags, files, ports (exit status 1)
├── WrongField               a configuration message says what cannot be; becomes a StartError or an InvalidArgument
└── CallError                a call cannot be answered; `code` is its gRPC status
    ├── InvalidArgument      the request is wrong whatever the server's state
    ├── FailedPrecondition   the request does not fit the model that it names
    ├── Unauthenticated      the caller has not said who it is, by a token that the server knows
    ├── PermissionDenied     nothing that this caller may do, or not on this port
    ├── NotFound             no such model, version or field
    ├── ResourceExhausted    more work is waiting than the server takes on
    ├── Unavailable          not now: loading, draining, queue full
    ├── DeadlineExceeded     the time that the call had is over
    ├── Cancelled            the caller has gone; nobody reads the answer
    ├── Unimplemented        nothing that this server does
    └── ModelError           TensorFlow failed while running or loading; carries TensorFlow's own code
"""

from collections.abc import Iterator
from contextlib import contextmanager

import grpc

_CODES = {code.value[0]: code for code in grpc.StatusCode}


class ServerError(Exception):
    """Anything that this package raises on purpose."""


class StartError(ServerError):
    """The server cannot start as it was told to; the message says what to change."""


class WrongField(ServerError):
    """A field of a configuration message has a value that it cannot have. Whoever knows where it came from maps it."""

    def __init__(self, field: str, message: str, *, value: object = "") -> None:
        super().__init__(message)
        self.field = field
        self.value = value


class CallError(ServerError):
    """A call is answered with `code` and the message instead of a response."""

    code: grpc.StatusCode = grpc.StatusCode.INTERNAL
    retry_after_s: float | None = None  # when the same call may succeed, where it may


class InvalidArgument(CallError):
    """The caller's mistake: the same request fails on every server."""

    code = grpc.StatusCode.INVALID_ARGUMENT


class FailedPrecondition(CallError):
    """The caller's mistake, about this model: a signature or a shape that it does not have."""

    code = grpc.StatusCode.FAILED_PRECONDITION


class Unauthenticated(CallError):
    """Expected where tokens are asked for: a call without a known one."""

    code = grpc.StatusCode.UNAUTHENTICATED


class PermissionDenied(CallError):
    """What the operator has not allowed callers to do; the message says how to allow it."""

    code = grpc.StatusCode.PERMISSION_DENIED


class NotFound(CallError):
    """Nothing is served under that name or version."""

    code = grpc.StatusCode.NOT_FOUND


class ResourceExhausted(CallError):
    """Expected under overload: send less, or to another replica."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED
    retry_after_s: float | None = 1.0


class Unavailable(CallError):
    """Expected while loading, draining or with a full queue: the same call may succeed in a moment."""

    code = grpc.StatusCode.UNAVAILABLE
    retry_after_s: float | None = 1.0


class DeadlineExceeded(CallError):
    """Expected under load: the call had less time than its answer took."""

    code = grpc.StatusCode.DEADLINE_EXCEEDED


class Cancelled(CallError):
    """Expected: the caller hung up."""

    code = grpc.StatusCode.CANCELLED


class Unimplemented(CallError):
    """The caller asks for what no server of this kind does."""

    code = grpc.StatusCode.UNIMPLEMENTED


class ModelError(CallError):
    """TensorFlow refused to run or to load a model; the code and the text are its own."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code


@contextmanager
def tensorflow_errors_mapped() -> Iterator[None]:
    """The one place where TensorFlow's exceptions become ours: the same code, the same message."""
    import tensorflow as tf  # here, so that a wrong flag is answered before TensorFlow has loaded

    try:
        yield
    except tf.errors.OpError as error:
        raise ModelError(_CODES.get(error.error_code, grpc.StatusCode.UNKNOWN), error.message) from error
