"""The capacity of a server by its settings: started with each in turn, searched, and ended."""

import itertools
import shlex
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, Any, Final

from .capacity import Search
from .errors import LoadTestError, ServerNotStarted, TargetNotReady

_LOOK_S: Final = 0.5
_TERM_S: Final = 30.0


@dataclass(slots=True)
class Candidate:
    """A setting by the names in the command, and what was found with it; `failure` says why nothing was."""

    setting: Mapping[str, str]
    search: Search | None = None
    failure: str | None = None

    @property
    def per_s(self) -> float:
        """Its capacity, 0 where there is none."""
        return (self.search and self.search.per_s) or 0.0

    @property
    def at_least(self) -> bool:
        """Whether it may do more: its search ended at the generator."""
        return self.search is not None and self.search.limit == "generator"

    @property
    def rate(self) -> str:
        """Its capacity in words."""
        return f"{'at least ' * self.at_least}{self.per_s:.4g}"

    def as_json(self) -> dict[str, Any]:
        """All that was found."""
        found = self.search.as_json() if self.search else None
        return {"setting": dict(self.setting), "failure": self.failure, "found": found}


@dataclass(slots=True)
class Sweep:
    """All combinations of values by their names in `command`, which also has `{port}`.

    `search` makes the search on an address; `ready` raises `TargetNotReady` as long as nobody answers there.
    """

    command: str
    values: Mapping[str, Sequence[str]]
    search: Callable[[str], Search]
    ready: Callable[[str], object]
    start_s: float = 120.0
    done: list[Candidate] = field(default_factory=list)

    def __post_init__(self) -> None:
        try:
            self.arguments({name: values[0] for name, values in self.values.items()}, 1)
        except (KeyError, IndexError, ValueError) as error:
            raise ValueError(
                f"--server is {self.command}: it must name {{port}} and what --set gives: {error}"
            ) from error
        if unused := [name for name in ("port", *self.values) if f"{{{name}}}" not in self.command]:
            raise ValueError(f"--server is {self.command}: it does not name {{{unused[0]}}}")

    @property
    def settings(self) -> list[dict[str, str]]:
        """All that are to be tried."""
        return [dict(zip(self.values, each, strict=True)) for each in itertools.product(*self.values.values())]

    @property
    def complete(self) -> bool:
        """Whether all were."""
        return len(self.done) == len(self.settings)

    @property
    def best(self) -> Candidate | None:
        """That of the highest capacity."""
        best = max(self.done, key=lambda each: each.per_s, default=None)
        return best if best and best.per_s else None

    @property
    def undecided(self) -> bool:
        """Whether another one may be the best: the search of any ended at the generator."""
        return any(each.per_s and each.at_least for each in self.done)

    def arguments(self, setting: Mapping[str, str], port: int) -> list[str]:
        """The command with a setting; no shell reads it."""
        return [part.format(port=port, **setting) for part in shlex.split(self.command)]

    def run(self) -> Iterator[Candidate]:
        """Each candidate as soon as it was searched."""
        for setting in self.settings:
            candidate = Candidate(setting)
            try:
                with self._served(setting) as address:
                    candidate.search = self.search(address)
                    candidate.search.find()
            except LoadTestError as error:
                candidate.failure = str(error)
            self.done.append(candidate)
            yield candidate

    @contextmanager
    def _served(self, setting: Mapping[str, str]) -> Iterator[str]:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        command, address = self.arguments(setting, port), f"127.0.0.1:{port}"
        with tempfile.TemporaryFile("w+") as log:
            process = _started(command, log)
            try:
                self._wait(process, address, log)
                yield address
            finally:
                process.terminate()
                try:
                    process.wait(_TERM_S)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    def _wait(self, process: "subprocess.Popen[str]", address: str, log: IO[str]) -> None:
        end_s = time.monotonic() + self.start_s
        while True:
            try:
                self.ready(address)
            except TargetNotReady as error:
                if process.poll() is None and time.monotonic() < end_s:
                    time.sleep(_LOOK_S)
                    continue
                log.seek(0)
                raise ServerNotStarted(f"the server did not answer: {error}\n{log.read()[-1000:]}") from error
            return


def _started(command: Sequence[str], log: IO[str]) -> "subprocess.Popen[str]":
    try:
        return subprocess.Popen(command, stdout=log, stderr=log, text=True)  # noqa: S603 - as the user said
    except OSError as error:
        raise ServerNotStarted(f"cannot start {command[0]}: {error.strerror}") from error
