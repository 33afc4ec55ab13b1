"""What a command has to say, to people and to programs."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answer:
    """The same twice."""

    text: str
    data: Any  # what JSON holds
