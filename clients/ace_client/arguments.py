"""The flags by which command lines say how a connection is secured."""

import argparse

from .security import INSECURE, Security


def add_security(parser: argparse.ArgumentParser) -> None:
    """Adds --tls, --ca, --certificate, --key, --token-file and --insecure."""
    group = parser.add_argument_group(
        "security", "addresses of this machine need none of it; others need TLS (any flag but the last) or --insecure"
    )
    group.add_argument("--tls", action="store_true", help="TLS, with the authorities that gRPC brings")
    group.add_argument("--ca", metavar="PEM", help="TLS, with the authority in this file")
    group.add_argument("--certificate", metavar="PEM", help="the client's certificate, with --key")
    group.add_argument("--key", metavar="PEM", help="the private key of --certificate")
    group.add_argument("--token-file", metavar="FILE", help="a bearer token that is sent with each call")
    group.add_argument("--insecure", action="store_true", help="send unencrypted; for networks that are trusted")


def security(options: argparse.Namespace) -> Security | None:
    """What the flags say; None where they say nothing.

    Raises:
        ValueError: they contradict each other.
    """
    if not (options.tls or options.ca or options.certificate or options.key or options.token_file):
        return INSECURE if options.insecure else None
    return Security(
        tls=not options.insecure,
        ca=options.ca,
        certificate=options.certificate,
        key=options.key,
        token_file=options.token_file,
    )
