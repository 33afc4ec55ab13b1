"""What one process asks of another that holds the lock: to pause a trial, or to take it back."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from .errors import Refused, SettingsError
from .replaced_files import replace
from .who import who

PAUSE = "pause"
ROLLBACK = "rollback"


@dataclass(frozen=True)
class Wish:
    """What is asked, by whom and why."""

    what: str
    why: str = ""
    who: str = field(default_factory=who)


def read(path: Path) -> Wish | None:
    """What is wished; None where nothing is, or what cannot be read."""
    try:
        return Wish(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def put(path: Path, wish: Wish) -> None:
    """The wish is there to be read; raises SettingsError."""
    try:
        replace(path, json.dumps(asdict(wish)) + "\n")
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}.") from error


def refuse_where_taken_back(path: Path) -> None:
    """Returns where nobody wishes it back: that wish is not to be lost for another one.

    Raises:
        Refused: somebody does.
    """
    wish = read(path)
    if wish and wish.what == ROLLBACK:
        raise Refused(f"It is being taken back, as {wish.who} wished.")


def clear(path: Path) -> None:
    """There is none any more."""
    path.unlink(missing_ok=True)
