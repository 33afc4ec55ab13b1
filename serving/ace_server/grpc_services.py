"""Services added to a gRPC server, so that bytes that are no message of theirs are answered with a sentence.

As the generated classes add them, grpc.aio answers such bytes with UNKNOWN and logs a traceback. gRPC in C++, and so
TensorFlow Serving, answers INTERNAL, by which any caller can make a server look broken. But it is the caller's mistake,
as a REST body that is no JSON is, and is answered as that: INVALID_ARGUMENT.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NoReturn

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from .errors import InvalidArgument
from .grpc_answers import Context, GrpcAnswers

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _NoMessage:
    """What was sent in a message's place."""

    bytes: int
    wanted: str

    async def refuse(self, peer: str) -> NoReturn:
        _log.warning("%s sent %d bytes that are no %s", peer, self.bytes, self.wanted)
        raise InvalidArgument(
            f"The {self.bytes} bytes that were sent are no {self.wanted}. Send what its class serializes."
        )


def add_service(server: grpc.aio.Server, service: ServiceDescriptor, servicer: object, answers: GrpcAnswers) -> None:
    """Let the server answer the service's calls, none of which takes a stream, by the servicer's methods."""
    handlers = handlers_of(service, servicer, answers)
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(service.full_name, handlers)])
    server.add_registered_method_handlers(service.full_name, handlers)


def handlers_of(
    service: ServiceDescriptor, servicer: object, answers: GrpcAnswers
) -> "dict[str, grpc.RpcMethodHandler[Any, Any]]":
    """What answers each of the service's methods, by the method's name."""
    return {method.name: _handler(method, getattr(servicer, method.name), answers) for method in service.methods}


def _handler(
    method: MethodDescriptor, answer: Callable[[Any, Context], Awaitable[Any]], answers: GrpcAnswers
) -> "grpc.RpcMethodHandler[Any, Any]":
    request_class, response_class = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
    name = f"/{method.containing_service.full_name}/{method.name}"

    def parse(content: bytes) -> Message | _NoMessage:
        try:
            return request_class.FromString(content)
        except DecodeError:
            return _NoMessage(len(content), method.input_type.full_name)

    async def answered(request: Message | _NoMessage, context: Context) -> Any:
        if isinstance(request, _NoMessage):
            return await answers.give(name, request, context, request.refuse(context.peer()))
        return await answer(request, context)

    kind = grpc.unary_stream_rpc_method_handler if method.server_streaming else grpc.unary_unary_rpc_method_handler
    return kind(answered, request_deserializer=parse, response_serializer=response_class.SerializeToString)
