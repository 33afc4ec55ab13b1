"""What is rarely changed about a detector."""

from dataclasses import dataclass

from .hooks import Hook
from .security import FilePath


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """How a detector goes about its calls.

        max_batch       images of one request at the most; a server that takes fewer is obeyed
        in_flight       requests of one `detect` or `stream` that are under way at once
        max_attempts    of one request within its deadline; 1 is without retries
        channels        connections to each server; more than 1 where one limits (some 10,000 calls a second)
        hedging         send what takes longer than 95 % of requests once more, to another channel
        health_service  whose health decides whether a replica of a named host is asked: "" is the server as a whole,
                        None does without
        routing_file    weights by label, for calls that pin neither version nor label; see `ace_client.routing`
        hooks           see `ace_client.hooks`

    Raises:
        ValueError: a number below 1.
    """

    max_batch: int = 32
    in_flight: int = 4
    max_attempts: int = 5
    channels: int = 1
    hedging: bool = False
    health_service: str | None = ""
    routing_file: FilePath | None = None
    hooks: tuple[Hook, ...] = ()

    def __post_init__(self) -> None:
        for name in ("max_batch", "in_flight", "max_attempts", "channels"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}: give at least 1")
