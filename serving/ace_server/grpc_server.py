"""The gRPC ports: the public one, and where it is wanted another one for admin calls."""

import logging
from typing import Any, Final

import grpc

from .errors import StartError
from .grpc_answers import GrpcAnswers
from .options import Options
from .security import Security

_log = logging.getLogger(__name__)
_CHANNEL_OPTIONS = {
    "grpc.max_receive_message_length": -1,
    "grpc.max_send_message_length": -1,
    "grpc.so_reuseport": 0,  # a second server on the port must fail, not take half of the calls
}
_ADMIN_HOST: Final = "127.0.0.1"


def new_server(options: Options, security: Security, answers: GrpcAnswers) -> grpc.aio.Server:
    """A server without services and ports."""
    return grpc.aio.server(options=_channel_options(options), interceptors=security.grpc_interceptors(answers))


def bind(server: grpc.aio.Server, options: Options, security: Security) -> list[str]:
    """The addresses that the gRPC API listens on.

    Raises:
        StartError: one of them cannot be had.
    """
    host = f"[{options.host}]" if ":" in options.host else options.host
    addresses = []
    if options.port or not options.grpc_socket_path:
        port = _listen(server, f"{host}:{options.port}", security, advice="Pass another --port, or --host.")
        addresses.append(f"{host}:{port}")
    if options.grpc_socket_path:
        addresses.append(f"unix:{options.grpc_socket_path}")
        _listen(server, addresses[-1], security, advice="Pass another --grpc_socket_path.")
    return addresses


def bind_admin(server: grpc.aio.Server, options: Options, security: Security) -> str:
    """The address that admin calls are taken on, of this machine only; port -1 takes a free one.

    Raises:
        StartError: it cannot be had.
    """
    address = f"{_ADMIN_HOST}:{max(options.admin_port, 0)}"
    address = f"{_ADMIN_HOST}:{_listen(server, address, security, advice='Pass another --admin_port.')}"
    _log.info("Reloads are taken at %s only", address)
    return address


def _listen(server: grpc.aio.Server, address: str, security: Security, *, advice: str) -> int:
    try:
        return security.listen(server, address)
    except RuntimeError as error:
        raise StartError(f"Cannot listen on {address}: it is in use, or not this machine's. {advice}") from error


def _channel_options(options: Options) -> list[tuple[str, Any]]:
    """GRPC's settings: ours, then those of --grpc_channel_arguments."""
    settings: dict[str, Any] = dict(_CHANNEL_OPTIONS)
    for argument in filter(None, options.grpc_channel_arguments.split(",")):
        name, _, value = argument.partition("=")
        settings[name.strip()] = int(value) if value.strip().lstrip("-").isdecimal() else value.strip()
    return list(settings.items())
