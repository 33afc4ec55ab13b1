"""The connection to a server, with everything that gRPC's defaults get wrong said explicitly."""

from typing import Final

import grpc

MAX_MESSAGE_BYTES: Final = 256 * 2**20
"""The largest message that is sent or received: gRPC's own default of 4 MiB is less than one photograph's pixels."""

_OPTIONS: Final = (
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.keepalive_time_ms", 300_000),  # gRPC servers close connections that are pinged more often
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.initial_reconnect_backoff_ms", 100),  # a server that restarts is found again soon ...
    ("grpc.max_reconnect_backoff_ms", 2_000),  # ... and not up to two minutes later
    ("grpc.lb_policy_name", "round_robin"),  # dns:///name with several addresses: each gets its share
)


def connect(address: str) -> grpc.Channel:
    """An unencrypted channel to `host:port` or `dns:///name:port`. It connects at the first call.

    Raises:
        ValueError: the address has no port.
    """
    if ":" not in address:
        raise ValueError(f"{address!r} names no port: write host:port, as in 127.0.0.1:8500")
    return grpc.insecure_channel(address, options=_OPTIONS)
