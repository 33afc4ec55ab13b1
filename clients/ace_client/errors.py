"""What this package raises, and the one place where gRPC's errors become ours.

    AceError
    ├── SetupError             a file that the detector was told to use: certificates, token, routing
    ├── ImageError             one image: a file that cannot be read, too large for a message
    └── CallError              the whole call; `status` is the gRPC status code's name
        ├── ServerUnavailable  no server there, or it is going down
        ├── DeadlineExceeded   too slow
        ├── Overloaded         the server has more to do than it takes on
        ├── ModelNotFound      no such model, version or label
        ├── RequestRejected    the server refuses the request as it stands
        ├── ServerFailure      the server, or something on the way to it, failed
        └── UnexpectedAnswer   an answer that is not what the contract promises

An `ImageError` is not raised by `detect`: it becomes the `error` of its image's verdict. `TypeError` and `ValueError`
are raised where the caller's program is wrong.
"""

from dataclasses import dataclass

import grpc


class AceError(Exception):
    """Any error that this package raises."""


class SetupError(AceError):
    """A file that was named to the detector cannot be read or is wrong. Raised when a detector is made, never later."""


class ImageError(AceError):
    """One image cannot be sent. Expected: files vanish and users upload what they like."""


class CallError(AceError):
    """A call as a whole brought no verdicts. The gRPC error, where there was one, is its `__cause__`."""

    def __init__(self, message: str, *, status: str) -> None:
        super().__init__(message)
        self.status = status


class ServerUnavailable(CallError):
    """No server answers at this address, or it is going down. Expected; worth another try later."""


class DeadlineExceeded(CallError):
    """The answer did not come in time. Expected under load."""


class Overloaded(CallError):
    """The server's queue is full. Expected under load; worth another try after a pause, and never at once."""


class ModelNotFound(CallError):
    """The server has no such model, version or label."""


class RequestRejected(CallError):
    """The server will not answer this request, however often it is asked: a bug of the caller or of the set-up."""


class ServerFailure(CallError):
    """The server, or a proxy before it, failed. Its log knows more."""


class UnexpectedAnswer(CallError):
    """The server answered, but not as the contract promises: most likely it serves another kind of model."""


@dataclass(frozen=True, slots=True)
class Call:
    """What an error message says of the call that failed: model, address, and the deadline in seconds."""

    model: str
    address: str
    deadline_s: float

    def __str__(self) -> str:
        return f"{self.model} at {self.address}"


_BY_STATUS: dict[grpc.StatusCode, tuple[type[CallError], str]] = {
    grpc.StatusCode.UNAVAILABLE: (ServerUnavailable, "Check the address, and that a server runs there."),
    grpc.StatusCode.DEADLINE_EXCEEDED: (DeadlineExceeded, "Raise deadline_s, or send fewer images a call."),
    grpc.StatusCode.RESOURCE_EXHAUSTED: (Overloaded, "Send less, or try again after a pause."),
    grpc.StatusCode.NOT_FOUND: (ModelNotFound, "Check the model's name, and version or label."),
    grpc.StatusCode.INVALID_ARGUMENT: (RequestRejected, "Check that the model was written by ace-export."),
    grpc.StatusCode.FAILED_PRECONDITION: (RequestRejected, "Check that the model was written by ace-export."),
    grpc.StatusCode.OUT_OF_RANGE: (RequestRejected, "Check that the model was written by ace-export."),
    grpc.StatusCode.ALREADY_EXISTS: (RequestRejected, "No model server answers so: check the address."),
    grpc.StatusCode.UNAUTHENTICATED: (RequestRejected, "The server wants credentials that it was not given."),
    grpc.StatusCode.PERMISSION_DENIED: (RequestRejected, "The server does not serve this caller."),
    grpc.StatusCode.UNIMPLEMENTED: (RequestRejected, "Check the address: this is no TensorFlow Serving gRPC port."),
    grpc.StatusCode.CANCELLED: (ServerFailure, "The call was cancelled; where you did not do it, look there."),
    grpc.StatusCode.ABORTED: (ServerFailure, "Its log says more."),
    grpc.StatusCode.DATA_LOSS: (ServerFailure, "Its log says more."),
    grpc.StatusCode.INTERNAL: (ServerFailure, "Its log says more."),
    grpc.StatusCode.UNKNOWN: (ServerFailure, "Its log says more."),
}

# Where TensorFlow Serving's or gRPC's status alone would mislead: the status, a part of its message, what it means.
_BY_MESSAGE: tuple[tuple[grpc.StatusCode, str, tuple[type[CallError], str]], ...] = (
    (grpc.StatusCode.UNAVAILABLE, "batch scheduling queue", _BY_STATUS[grpc.StatusCode.RESOURCE_EXHAUSTED]),
    (grpc.StatusCode.INVALID_ARGUMENT, "servable version label", _BY_STATUS[grpc.StatusCode.NOT_FOUND]),
    (
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "message larger than max",
        (RequestRejected, "Send fewer images a request (max_batch), or raise the limit of the server or proxy."),
    ),
)


def from_rpc(error: grpc.RpcError, call: Call, attempts: int) -> CallError:
    """The error to raise, `from error`, for what gRPC raised at the last of so many attempts."""
    code = error.code()
    details = error.details() or "no reason given"
    kind, advice = _meaning(code, details)
    if kind is DeadlineExceeded:
        return deadline_exceeded(call, attempts)
    tried = f"{_times(attempts)} with a deadline of {call.deadline_s:g} s."
    return kind(f"Asking {call} failed with {code.name}: {details}\nTried {tried} {advice}", status=code.name)


def deadline_exceeded(call: Call, attempts: int) -> DeadlineExceeded:
    """The error for a call whose time is up."""
    if not attempts:
        message = (
            f"{call} was not asked within the deadline of {call.deadline_s:g} s: this machine was too busy to begin."
        )
        return DeadlineExceeded(f"{message}\nRaise deadline_s, or ask less at once.", status="DEADLINE_EXCEEDED")
    advice = _BY_STATUS[grpc.StatusCode.DEADLINE_EXCEEDED][1]
    message = f"{call} did not answer within the deadline of {call.deadline_s:g} s.\nTried {_times(attempts)}. {advice}"
    return DeadlineExceeded(message, status=grpc.StatusCode.DEADLINE_EXCEEDED.name)


def _times(attempts: int) -> str:
    return "once" if attempts == 1 else f"{attempts} times"


def _meaning(code: grpc.StatusCode, details: str) -> tuple[type[CallError], str]:
    for known_code, part, meaning in _BY_MESSAGE:
        if code is known_code and part in details:
            return meaning
    return _BY_STATUS[code]
