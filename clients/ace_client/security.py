"""Who is asked, and as whom: TLS, client certificates and bearer tokens, all read again from disk when they change."""

import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias
from urllib.parse import unquote

import grpc

from .watched_files import WatchedFiles

FilePath: TypeAlias = str | os.PathLike[str]
Metadata: TypeAlias = tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Security:
    """How a connection is secured. Files are PEM, and are looked at again while the detector is used.

        Security()                                                       # TLS, authorities that gRPC brings
        Security(ca="ca.pem")                                            # TLS, our own authority
        Security(ca="ca.pem", certificate="me.pem", key="me.key")        # mutual TLS
        Security(ca="ca.pem", token_file="token")                        # TLS and a bearer token
        INSECURE                                                         # neither, said aloud

    Raises:
        ValueError: a certificate without its key, or files for TLS without TLS.
    """

    tls: bool = True
    ca: FilePath | None = None
    certificate: FilePath | None = None
    key: FilePath | None = None
    token_file: FilePath | None = None

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("a certificate and its key are given together, or neither is")
        if not self.tls and (self.ca or self.certificate):
            raise ValueError("ca, certificate and key are for TLS, and tls is False")


INSECURE: Final = Security(tls=False)
"""Neither encrypted nor authenticated: for networks that are trusted as a whole."""


class Credentials:
    """What a `Security` comes to for one address, as its files are at the moment."""

    def __init__(self, address: str, security: Security | None) -> None:
        """`None` is without TLS, which only addresses of this machine may be.

        Raises:
            SetupError: a file cannot be read or is wrong.
            ValueError: nothing was said about security, and the address is not this machine's.
        """
        if security is None:
            if not is_local(address):
                raise ValueError(
                    f"{address} is not this machine, and calls would travel unencrypted: pass security=Security(...) "
                    "for TLS, or security=INSECURE where the network is trusted"
                )
            security = INSECURE
        self._security = security
        self._tls = _tls_files(security) if security.tls else None
        self._token = WatchedFiles([security.token_file], _token) if security.token_file else None

    @property
    def stamp(self) -> object:
        """What channels were made with: where it is another one than it was, they have to be made anew."""
        return self._tls.current if self._tls else None

    def for_channel(self) -> grpc.ChannelCredentials | None:
        """For a new channel; None is for one without TLS."""
        if not self._security.tls:
            return None
        return grpc.ssl_channel_credentials(*(self._tls.current if self._tls else ()))

    def metadata(self) -> Metadata:
        """What each call says of its caller."""
        return (("authorization", f"Bearer {self._token.current}"),) if self._token else ()


_Pem: TypeAlias = tuple[bytes | None, bytes | None, bytes | None]  # authorities, key, certificate: gRPC's order


def _tls_files(security: Security) -> WatchedFiles[_Pem] | None:
    paths = [path for path in (security.ca, security.key, security.certificate) if path is not None]
    if not paths:
        return None

    def parse(contents: Sequence[bytes]) -> _Pem:
        ca = contents[0] if security.ca is not None else None
        key, certificate = contents[-2:] if security.key is not None else (None, None)
        _check(ca, security)
        return ca, key, certificate

    return WatchedFiles(paths, parse)


def _check(ca: bytes | None, security: Security) -> None:
    """Refuse what gRPC would refuse at each connection, with no word on why: half of a pair that is being replaced."""
    import ssl  # only here: who connects without TLS need not pay for it

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if ca is not None:
            context.load_verify_locations(cadata=ca.decode("ascii"))
        if security.certificate is not None:
            context.load_cert_chain(security.certificate, security.key, password="")
    except (ssl.SSLError, OSError) as error:
        raise ValueError(f"no certificates and key in PEM that belong together ({error})") from error


def _token(contents: Sequence[bytes]) -> str:
    token = contents[0].decode("ascii").strip()
    if not token or not token.isprintable() or " " in token:
        raise ValueError("one bearer token is expected, and nothing else")
    return token


def is_local(address: str) -> bool:
    """Whether every host of a gRPC target is this machine: a loopback address, localhost, or a socket in a file."""
    scheme, colon, rest = address.partition(":")
    if scheme in ("unix", "unix-abstract"):
        return True
    hosts = rest if colon and scheme in ("dns", "ipv4", "ipv6") else address
    return all(_is_loopback(host_of(each)) for each in unquote(hosts.rpartition("/")[2]).split(","))


def host_of(address: str) -> str:
    """`host:port` or `[host]:port` without the port."""
    return address.rpartition(":")[0].strip("[]")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
