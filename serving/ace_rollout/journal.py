"""What is under way: written before anything is changed and removed when all is, so that a killed rollout is found."""

import json
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

from . import replaced_files
from .errors import SettingsError

CANARY: Final = "canary"
SHADOW: Final = "shadow"


@dataclass(frozen=True)
class Operation:
    """A command that changes things, with all that it takes to go on with it."""

    name: str
    version: int
    why: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    step: int = 0  # of a canary: how many steps have been passed
    began: str = field(default_factory=lambda: datetime.now(timezone.utc).isoformat(timespec="seconds"))

    @property
    def is_trial(self) -> bool:
        """Whether it is one of a version that may be taken back by itself."""
        return self.name in (CANARY, SHADOW)

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


class Journal:
    """The file beside models.config, which is there while something is under way."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> Operation | None:
        """What is under way, or was when its process ended; None where nothing is.

        Raises:
            SettingsError: the file cannot be read, or somebody changed it.
        """
        try:
            return Operation(**json.loads(self.path.read_bytes()))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError) as error:
            raise SettingsError(
                f"{self.path} is no journal of ace-rollout: {error}. Look at `ace-rollout status`, remove the file, "
                "and run `ace-rollout promote` with the version that shall be served."
            ) from error

    def write(self, operation: Operation) -> None:
        """This is under way.

        Raises:
            SettingsError: it cannot be written.
        """
        try:
            replaced_files.replace(self.path, json.dumps(asdict(operation)) + "\n")
        except OSError as error:
            raise SettingsError(f"{self.path} cannot be written: {error.strerror}.") from error

    def passed(self, operation: Operation) -> Operation:
        """One more step of it has been passed."""
        further = replace(operation, step=operation.step + 1)
        self.write(further)
        return further

    def end(self) -> None:
        """Nothing is under way."""
        self.path.unlink(missing_ok=True)
