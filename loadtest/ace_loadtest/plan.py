"""What is to be done: one frozen value, checked where it is made."""

import math
from dataclasses import dataclass
from pathlib import Path

from ace_client import Security
from ace_client.contract import MODEL_NAME


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A closed loop: each of `users` callers sends one image, waits for the answer, and sends the next, for `seconds`.

    Raises:
        ValueError: no users, or no time.
    """

    target: str
    images: Path
    model: str = MODEL_NAME
    users: int = 8
    seconds: float = 20.0
    deadline_s: float = 5.0
    security: Security | None = None

    def __post_init__(self) -> None:
        if self.users < 1:
            raise ValueError(f"{self.users} users make no load: give at least 1")
        for name, seconds in (("--seconds", self.seconds), ("--deadline-s", self.deadline_s)):
            if not 0 < seconds < math.inf:
                raise ValueError(f"{name} is {seconds:g}: give a number of seconds above 0")
