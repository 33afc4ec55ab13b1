"""TLS for both APIs, from TensorFlow Serving's SSLConfig text files, with new certificates while running."""

import logging
import os
import ssl
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import text_format

from .errors import StartError
from .followed_file import FollowedFile, text_reader
from .protos import ssl_config_pb2

_log = logging.getLogger(__name__)
_ADVICE = "Write the text of the .pem file, not its path, each line in quotes with \\n at its end."


@dataclass(frozen=True, eq=False)
class Certificates:
    """What a TLS server shows and asks for: the checked values of an SSLConfig, and a context of them."""

    config: ssl_config_pb2.SSLConfig
    context: ssl.SSLContext

    def for_grpc(self) -> grpc.ServerCertificateConfiguration:
        """The same for gRPC; a new one each time, as gRPC takes away the content of what it is given."""
        config = self.config
        pair = (config.server_key.encode(), config.server_cert.encode())
        return grpc.ssl_server_certificate_configuration([pair], config.custom_ca.encode() or None)


class Tls:
    """The certificates of a file, for every new connection those of that moment."""

    def __init__(self, path: Path) -> None:
        """Read the file.

        Raises:
            StartError: the file cannot be read or is wrong; the message names it, and line or field.
        """
        self._client_verify: bool | None = None  # until the file has been read once
        self._file = FollowedFile(path, text_reader(self._read))
        self._client_verify = self.current.config.client_verify
        self.follow = self._file.follow

    @property
    def current(self) -> Certificates:
        """What the file says, or said when it was last right."""
        return self._file.current

    def _read(self, text: str) -> Certificates:
        certificates = read_certificates(text)
        if self._client_verify not in (None, certificates.config.client_verify):
            raise StartError("client_verify cannot change while the server runs. Restart it.")
        return certificates

    def grpc_credentials(self) -> grpc.ServerCredentials:
        """For one port of a gRPC server."""
        handed_out = self.current

        def changed() -> grpc.ServerCertificateConfiguration | None:  # called before each handshake, in gRPC's threads
            nonlocal handed_out
            latest = self.current
            if latest is handed_out:
                return None
            handed_out = latest
            return latest.for_grpc()

        return grpc.dynamic_ssl_server_credentials(
            handed_out.for_grpc(),
            changed,  # type: ignore[arg-type] # the types leave out None, which is for no change
            require_client_authentication=bool(self._client_verify),
        )

    def context(self) -> ssl.SSLContext:
        """For an asyncio server."""
        return _LatestContext(ssl.PROTOCOL_TLS_SERVER, self)


class _LatestContext(ssl.SSLContext):
    """Gives each connection the context that is current when it is made.

    New certificates could be loaded into a context in use, but authorities once loaded cannot be taken out of it.
    """

    def __init__(self, _: int, tls: Tls) -> None:
        self._tls = tls

    def wrap_bio(self, *args: Any, **kwargs: Any) -> ssl.SSLObject:
        return self._tls.current.context.wrap_bio(*args, **kwargs)


def read_certificates(text: str) -> Certificates:
    """The certificates of an SSLConfig in text form, which fit each other.

    Raises:
        StartError: it is no SSLConfig, or a field is not what it must be; the message names the line or the field.
    """
    try:
        config = text_format.Parse(text, ssl_config_pb2.SSLConfig())
    except text_format.ParseError as error:
        raise StartError(_parse_complaint(error)) from error
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _check_certificates("server_cert", config.server_cert)
    _load_key(context, config)
    if config.custom_ca:
        _check_certificates("custom_ca", config.custom_ca)
        context.load_verify_locations(cadata=config.custom_ca)
    if config.client_verify:
        if not config.custom_ca:
            raise StartError("client_verify needs custom_ca: the certificates, in PEM, of who signs the clients' ones.")
        context.verify_mode = ssl.CERT_REQUIRED
    elif config.custom_ca:
        _log.warning("SSLConfig has custom_ca without client_verify: true, so that clients need no certificate")
    return Certificates(config, context)


def _parse_complaint(error: text_format.ParseError) -> str:
    """Where the text is wrong, and which field is unknown, but not the line itself, which may be a part of the key."""
    where = f"line {error.GetLine()}, column {error.GetColumn()}"
    _, found, field = str(error).rpartition(" has no field named ")
    return f"{where}: SSLConfig has no field {field}" if found else f"{where}: this is no text of SSLConfig. {_ADVICE}"


def _check_certificates(field: str, pem: str) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(cadata=pem)
    except (ssl.SSLError, TypeError, ValueError) as error:  # broken, not ASCII, empty
        raise StartError(f"{field} is no certificate in PEM ({error}). {_ADVICE}") from error


def _load_key(context: ssl.SSLContext, config: ssl_config_pb2.SSLConfig) -> None:
    with _as_file(config.server_cert) as certificate, _as_file(config.server_key) as key:
        try:
            context.load_cert_chain(certificate, key, password=lambda: "")  # without it, OpenSSL would ask the terminal
        except ssl.SSLError as error:
            if error.reason == "KEY_VALUES_MISMATCH":
                raise StartError("server_key does not belong to the first certificate of server_cert.") from error
            raise StartError(f"server_key is no private key in PEM without a password ({error}). {_ADVICE}") from error


@contextmanager
def _as_file(pem: str) -> Iterator[str]:
    """The path of a file with this text, for OpenSSL, which loads keys from files only.

    In memory where the system has that, so that no key reaches a disk and a read-only root will do.
    """
    if sys.platform == "linux":
        with os.fdopen(os.memfd_create("pem"), "w") as file:
            file.write(pem)
            file.flush()
            yield f"/proc/self/fd/{file.fileno()}"
    else:
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
            file.write(pem)
            file.flush()
            yield file.name
