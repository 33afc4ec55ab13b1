"""Who may call: TLS and bearer tokens on every port, as the options ask."""

import asyncio
import ipaddress
import logging
import ssl
from collections.abc import Sequence
from pathlib import Path

import grpc
from starlette.types import ASGIApp

from .bearer_tokens import GrpcGuard, RestGuard, read_tokens
from .followed_file import FollowedFile, text_reader
from .grpc_answers import GrpcAnswers
from .options import Options
from .tls import Tls

_log = logging.getLogger(__name__)


class Security:
    """What every port is given before it listens."""

    def __init__(self, options: Options) -> None:
        """Read the files that the options name.

        Raises:
            StartError: one of them cannot be read or is wrong.
        """
        certificates, tokens = options.ssl_config_file, options.bearer_token_file
        self._tls = Tls(Path(certificates)) if certificates else None
        self._tokens = FollowedFile(Path(tokens), text_reader(read_tokens)) if tokens else None
        if self._tokens and not self._tls and not _is_loopback(options.host):
            _log.warning(
                "Bearer tokens travel to %s unencrypted, where others can read them: pass --ssl_config_file too, or "
                "put a proxy that ends TLS in front",
                options.host,
            )

    def grpc_interceptors(self, answers: GrpcAnswers) -> Sequence[grpc.aio.ServerInterceptor]:
        """Of every gRPC server."""
        return [GrpcGuard(self._tokens, answers)] if self._tokens else []

    def listen(self, server: grpc.aio.Server, address: str) -> int:
        """Open a port of a gRPC server; its number.

        Raises:
            RuntimeError: gRPC cannot have it.
        """
        if self._tls:
            return server.add_secure_port(address, self._tls.grpc_credentials())
        return server.add_insecure_port(address)

    def guarded(self, app: ASGIApp) -> ASGIApp:
        """The app, for callers with a token."""
        return RestGuard(app, self._tokens) if self._tokens else app

    def rest_context(self) -> ssl.SSLContext | None:
        """Of the REST port; None where that is without TLS."""
        return self._tls.context() if self._tls else None

    async def follow(self) -> None:
        """Put changed files into force until cancelled."""
        await asyncio.gather(*(file.follow() for file in (self._tls, self._tokens) if file))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
