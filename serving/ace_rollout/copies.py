"""What clients have written down of the requests that they put to a candidate too; see `ace_client.shadow`."""

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ace_client import Verdict

from .config_file import CANARY, STABLE
from .probing import Pair, Reply


class Copies:
    """The files of a folder, read on as they grow."""

    def __init__(self, folder: Path, versions: Mapping[str, int | None]) -> None:
        """`versions` are those of the two labels: what others answered, before a label moved, does not count."""
        self.folder = folder
        self._versions = versions
        self._read: dict[Path, int] = {}  # bytes
        self.not_copied = 0

    def pairs(self) -> Iterator[Pair]:
        """What has come since the last time. Lines that cannot be read, as a crash leaves them, are passed over."""
        for path in sorted(self.folder.glob("*.jsonl")):
            for line in self._new_lines(path):
                try:
                    found = json.loads(line)
                    pair = _pair(found)
                    self.not_copied += found["not_copied"]
                except (ValueError, TypeError, KeyError, AttributeError):
                    continue
                if self._is_of_these_versions(found["answers"]):
                    yield pair

    def _new_lines(self, path: Path) -> list[bytes]:
        with path.open("rb") as file:
            file.seek(self._read.get(path, 0))
            whole, end, _ = file.read().rpartition(b"\n")
        self._read[path] = self._read.get(path, 0) + len(whole) + len(end)
        return whole.splitlines()

    def _is_of_these_versions(self, answers: Mapping[str, Any]) -> bool:
        return all(answers[label].get("version", version) == version for label, version in self._versions.items())


def _pair(line: Mapping[str, Any]) -> Pair:
    stable, canary = (_reply(line["answers"][label]) for label in (STABLE, CANARY))
    return Pair([str(image) for image in line["images"]], stable, canary)


def _reply(answer: Mapping[str, Any]) -> Reply:
    if answer["error"] is not None:
        return Reply(None, answer["error"], answer["seconds"])
    verdicts = [
        Verdict(math.nan if prob_fake is None else prob_fake, label, answer["version"], error)
        for prob_fake, label, error in answer["verdicts"]
    ]
    return Reply(verdicts, "", answer["seconds"])
