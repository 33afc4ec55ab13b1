"""What was done to a model: one line of JSON an act, appended beside its versions and never changed."""

import json
import os
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

from .errors import SettingsError
from .who import who

NAME: Final = "rollout-history.jsonl"  # no number: servers pass it over
PROMOTED = "promoted"
ROLLED_BACK = "rolled back"
TAKEN_BACK = "canary taken back"
WATCHED = "canary watched"


def act(entry: Mapping[str, Any]) -> str:
    """What was done to which version, and at which share; of a canary taken back its own, not the stable one."""
    version = entry.get("taken_back", entry["version"]) if entry["what"] == TAKEN_BACK else entry["version"]
    share = f", {entry['share']:g} %" if "share" in entry else ""
    return f"{entry['what']} {version}{share}"


class History:
    """The file, which is begun with the first entry."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME

    def add(self, what: str, version: int, *, why: str = "", **facts: Any) -> None:
        """One more entry, on the disk once this returns.

        Raises:
            SettingsError: it cannot be written.
        """
        now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        entry = {"at": now, "who": who(), "what": what, "version": version, "why": why, **facts}
        try:
            with self.path.open("a+b") as file:
                file.write(self._end_of_torn_line() + json.dumps(entry).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise SettingsError(f"{self.path} cannot be written: {error.strerror}.") from error

    def entries(self) -> Iterator[dict[str, Any]]:
        """The oldest first; what a crash has left half-written is passed over.

        Raises:
            SettingsError: it is there and cannot be read.
        """
        try:
            lines = self.path.read_text(encoding="utf-8").splitlines() if self.path.exists() else []
        except (OSError, ValueError) as error:
            raise SettingsError(f"{self.path} cannot be read: {error}.") from error
        for line in lines:
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if isinstance(entry, dict):
                yield entry

    def good_before(self, stable: int | None) -> int | None:
        """The version to go back to: the last that was stable before this one is or was; None where there was none."""
        stables: list[int] = []
        for entry in self.entries():
            version = entry.get("version")
            if entry.get("what") == ROLLED_BACK and version in stables:
                del stables[stables.index(version) + 1 :]
            elif entry.get("what") in (PROMOTED, ROLLED_BACK) and isinstance(version, int):
                stables.append(version)
        return next((version for version in reversed(stables) if version != stable), None)

    def _end_of_torn_line(self) -> bytes:
        whole = not self.path.exists() or self.path.read_bytes()[-1:] in (b"", b"\n")
        return b"" if whole else b"\n"
