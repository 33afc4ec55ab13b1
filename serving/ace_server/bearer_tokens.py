"""Bearer tokens (RFC 6750): which there are, and the guards that ask both APIs' callers for one."""

import hashlib
import hmac
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import grpc
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from .errors import StartError, Unauthenticated
from .followed_file import FollowedFile
from .grpc_answers import GrpcAnswers

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
_OPEN_SERVICE = "/grpc.health.v1.Health/"
_OPEN_PATHS = ("/", "/healthz", "/readyz")  # the first is the page, which asks for a token to show anything

_Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any] | None"


@dataclass(frozen=True)
class Tokens:
    """The tokens that open the server, as their SHA-256: of equal length, so that comparing them tells nothing."""

    digests: tuple[bytes, ...]

    def check(self, authorization: str) -> None:
        """Return where the header names one of the tokens.

        Raises:
            Unauthenticated: it does not.
        """
        scheme, _, token = authorization.partition(" ")
        digest = _digest(token.strip())
        known = [hmac.compare_digest(digest, other) for other in self.digests]  # all of them, whichever fits
        if scheme.lower() != "bearer" or not any(known):
            raise Unauthenticated(
                "This server answers callers with a token, and "
                + ("the one sent is unknown. " if token else "none was sent. ")
                + "Send authorization: Bearer TOKEN, with a token of its --bearer_token_file."
            )


def read_tokens(text: str) -> Tokens:
    """The tokens of a file: one a line; empty lines and those that begin with # are passed over.

    Raises:
        StartError: there is none, or a line holds something else; the message has its number, not the line.
    """
    digests = []
    for number, line in enumerate(text.splitlines(), 1):
        token = line.strip()
        if not token or token.startswith("#"):
            continue
        if not _TOKEN.fullmatch(token):
            raise StartError(f"line {number} is no bearer token: letters, digits and -._~+/ with = at the end only.")
        digests.append(_digest(token))
    if not digests:
        raise StartError("There is no token in it. Write one a line, or leave --bearer_token_file out.")
    return Tokens(tuple(digests))


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


class GrpcGuard(grpc.aio.ServerInterceptor):
    """Lets calls with a token through, and those for health, which say nothing of a model's content."""

    def __init__(self, tokens: FollowedFile[Tokens], answers: GrpcAnswers) -> None:
        self._tokens = tokens
        self._answers = answers

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[_Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> _Handler:
        """The call's own handler, or one that refuses the call."""
        if not handler_call_details.method.startswith(_OPEN_SERVICE):
            metadata = dict(handler_call_details.invocation_metadata or ())
            try:
                self._tokens.current.check(str(metadata.get("authorization", "")))
            except Unauthenticated as error:
                return self._refusal(handler_call_details.method, error)
        return await continuation(handler_call_details)

    def _refusal(self, method: str, error: Unauthenticated) -> _Handler:
        async def no_answer() -> None:
            raise error

        async def refuse(messages: object, context: grpc.aio.ServicerContext[Any, Any]) -> None:
            await self._answers.give(method, messages, context, no_answer())

        # A handler of this kind waits for no message, whatever the kind of the call.
        return grpc.stream_stream_rpc_method_handler(refuse)


class RestGuard:
    """Lets through what has a token, the open paths, and a browser's question whether it may ask at all."""

    def __init__(self, app: ASGIApp, tokens: FollowedFile[Tokens]) -> None:
        self._app = app
        self._tokens = tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, as ASGI has it."""
        answer: ASGIApp = self._app
        if scope["path"] not in _OPEN_PATHS and scope["method"] != "OPTIONS":
            try:
                self._tokens.current.check(Headers(scope=scope).get("authorization", ""))
            except Unauthenticated as error:
                headers = {"WWW-Authenticate": "Bearer"}
                answer = Response(json.dumps({"error": str(error)}), 401, headers, media_type="application/json")
        await answer(scope, receive, send)
