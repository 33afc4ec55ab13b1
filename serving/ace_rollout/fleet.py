"""All servers of a model, brought along together, and the ones that do not answer."""

import sys
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, TypeAlias, TypeVar

from .config_file import Config
from .errors import NotServed, Unreachable
from .servers import NoAnswer, Server

Away: TypeAlias = Literal["none", "some", "all"]
"""Which servers may be away: with `some`, one of those that are told something answers; with `all`, none has to."""

_T = TypeVar("_T")


class Fleet:
    """The servers. One that may be away and does not answer is named once and left out; else it stops what is done."""

    def __init__(self, servers: Sequence[Server], *, away: Away = "none") -> None:
        self.servers = servers
        self.unreachable: dict[str, str] = {}  # address → what was in the way, when it was last asked
        self.away = away
        self._named: set[str] = set()

    def __enter__(self) -> "Fleet":
        return self

    def __exit__(self, *_: object) -> None:
        for server in self.servers:
            server.close()

    def ask(self, question: Callable[[Server], _T], of: Collection[str] = ()) -> dict[str, _T]:
        """The answers by address, of all servers or these, that answer; the others are in `unreachable`."""
        found: dict[str, _T] = {}
        asked = [server for server in self.servers if not of or server.address in of]
        with ThreadPoolExecutor(len(asked)) as pool:
            answers = {server.address: pool.submit(question, server) for server in asked}
        for address, answer in answers.items():
            try:
                found[address] = answer.result()
                self.unreachable.pop(address, None)
            except NoAnswer as error:  # noqa: PERF203 each is asked on its own
                self.unreachable[address] = str(error)
        return found

    def available(self, of: Collection[str] = ()) -> set[int]:
        """The versions that any server, or any of these, answers with."""
        return set().union(*self.ask(Server.available, of).values())

    def check(self) -> None:
        """Every server answers, or those that do not may be left out.

        Raises:
            Unreachable: one does not, or none does.
        """
        self._judge(self.ask(Server.available))

    def bring(self, config: Config, timeout_s: float, of: Collection[str] = ()) -> None:
        """Every server, or every one of these, serves what the config says.

        Raises:
            NotServed: one refuses or does not load what it should; the message says which, and why.
            Unreachable: as `check`.
        """
        deadline_s = time.monotonic() + timeout_s

        def tried(server: Server) -> str | None:
            try:
                server.bring(config, deadline_s)
            except NotServed as error:
                return str(error)
            return None

        answers = self.ask(tried, of)
        if failures := [failure for failure in answers.values() if failure]:
            raise NotServed("\n".join(failures))
        self._judge(answers)

    @property
    def silent(self) -> bool:
        """Whether no server answered when it was last asked."""
        return len(self.unreachable) == len(self.servers)

    def _judge(self, answers: dict[str, _T]) -> None:
        silent = "; ".join(self.unreachable.values())
        if self.unreachable and not (self.away == "all" or (self.away == "some" and answers)):
            raise Unreachable(f"{silent}. Start it, or pass --unreachable go-on where others answer.")
        if self.unreachable.keys() - self._named:
            self._named |= self.unreachable.keys()
            print(f"ace-rollout: left out: {silent}", file=sys.stderr)
