"""What clients have written down of the requests that they put to a candidate too; see `ace_client.copies`."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from ace_client.copies import Answer, Copied, copied

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
                    found = copied(line)
                except ValueError:
                    continue
                self.not_copied += found.not_copied
                if self._is_of_these_versions(found.answers):
                    yield _pair(found)

    def _new_lines(self, path: Path) -> list[bytes]:
        with path.open("rb") as file:
            file.seek(self._read.get(path, 0))
            whole, end, _ = file.read().rpartition(b"\n")
        self._read[path] = self._read.get(path, 0) + len(whole) + len(end)
        return whole.splitlines()

    def _is_of_these_versions(self, answers: Mapping[str, Answer]) -> bool:
        """Whether both labels answered, each by its version, as far as they did."""
        return answers.keys() >= self._versions.keys() and all(
            verdict.version == version
            for label, version in self._versions.items()
            for verdict in answers[label].verdicts
        )


def _pair(found: Copied) -> Pair:
    stable, canary = (found.answers[label] for label in (STABLE, CANARY))
    return Pair(found.images, _reply(stable), _reply(canary))


def _reply(answer: Answer) -> Reply:
    return Reply(answer.verdicts if answer.error is None else None, answer.error or "", answer.seconds)
