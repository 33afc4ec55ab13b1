"""What is known of each model and each of its versions."""

import asyncio
import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .errors import CallError
from .model_config import ModelConfig
from .repository import Found, Identity
from .servable import Servable


class State(enum.IntEnum):
    """TensorFlow Serving's states of a version, with its numbers."""

    START = 10
    LOADING = 20
    AVAILABLE = 30
    UNLOADING = 40
    END = 50


@dataclass(eq=False)
class Version:
    """A version that was found once; `error` says why it is not served, where that was not wanted."""

    number: int
    path: Path
    state: State = State.START
    servable: Servable | None = None
    error: CallError | None = None
    loading: asyncio.Task[None] | None = None
    identity: Identity | None = None  # what the last try to load it found

    def is_served(self) -> bool:
        """Whether what answers comes from the folder that the version is in now, not from one of another base path."""
        return self.servable is not None and self.servable.path == self.path

    def is_replaced(self, found: Identity | None) -> bool:
        """Whether what was found there is something else than was loaded, or was found not to load."""
        settled = self.state in (State.AVAILABLE, State.END) and not self.loading
        return settled and found not in (None, self.identity)


@dataclass(eq=False)
class Model:
    """A model that was configured once, and its versions."""

    name: str
    config: ModelConfig | None = None  # None once it is no longer served
    labels: Mapping[str, int] = field(default_factory=dict)  # in force, set once their versions are there
    versions: dict[int, Version] = field(default_factory=dict)
    found: Found = field(default_factory=Found)  # at the last look: what should be live
    looked_s: float = 0.0  # when that look began, of time.monotonic()

    def available(self) -> dict[int, Servable]:
        """What answers, by number."""
        return {number: version.servable for number, version in self.versions.items() if version.servable}

    def newest_first(self) -> list[Version]:
        """All versions, the highest number first."""
        return [self.versions[number] for number in sorted(self.versions, reverse=True)]
