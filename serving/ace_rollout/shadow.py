"""A version beside the stable one: a share of the requests is put to it too, and no caller ever sees its answers.

The routing file tells them so; `ace_client.shadow` has how they go about it, `ace_client.copies` what they write down.
"""

from collections.abc import Mapping
from contextlib import closing
from datetime import datetime, timezone
from statistics import median
from typing import Any, Final

from . import wishes
from .config_file import CANARY, STABLE
from .copies import Copies
from .errors import Refused
from .gates import Finding
from .journal import SHADOW, Operation
from .probing import Evidence, Prober
from .rollout import Rollout
from .trial import Trial, begun

GATES: Final = ("changed_labels", "delta", "drift", "errors")
"""Those that judge the copies: their times are not compared, since they are asked one by one, behind the callers."""

_LOOK_S: Final = 0.5


def planned(rollout: Rollout, version: int, share: float, hold_s: float, why: str = "") -> Operation:
    """The shadow of a version, with this share of the requests in percent, or the one that is under way already.

    Raises:
        Refused: there is no such version, none is stable yet, something else is under way, or proxies split the calls.
    """
    if rollout.settings.canary_servers:
        raise Refused(
            "Copies are made by clients, at the servers that they call, and with canary_servers those do not have the "
            "version. Go on with ace-rollout canary."
        )
    if under_way := begun(rollout, SHADOW, version):
        return under_way
    now = datetime.now(timezone.utc).strftime("%Y%m%d-%H%M%S")
    answers = f"{rollout.settings.model}-shadow-{version}-{now}"
    return Operation(SHADOW, version, why, {"share": share, "hold_s": hold_s, "answers": answers})


class Shadow(Trial):
    """One shadow, from its loading to its end."""

    def run(self) -> str:
        """The shadow to its end, and what was seen. The version stays loaded, for a canary.

        Raises:
            RolledBack: it did not pass, or somebody wished it back.
            RolloutError: a file or a server was in the way; what is under way stands where it stood.
        """
        wishes.clear(self._rollout.wish)  # of a trial that has ended
        self._load()
        with closing(Prober(self._rollout.pairs, self._asked.images, self._probes)) as prober:
            self._compare(prober)
        settings, served = self._operation.settings, self._rollout.served()
        folder = self._rollout.settings.routing.parent / settings["answers"]
        copies = Copies(folder, {STABLE: served.stable, CANARY: served.canary})
        self._evidence = Evidence(self._policy)
        self._copy(settings)
        self._hold(lambda: self._look(copies), GATES, settings["hold_s"], _LOOK_S)
        self._rollout.route(self._rollout.split(0))
        self._rollout.journal.end()
        version = self._operation.version
        return f"{self._summary(copies)}\nversion {version} is loaded: ace-rollout canary {version}, or rollback"

    def _copy(self, settings: Mapping[str, Any]) -> None:
        shadow = {"label": CANARY, "share": settings["share"] / 100, "answers": settings["answers"]}
        self._rollout.route(self._rollout.split(0), shadow)
        self._rollout.history.add("shadow begun", self._operation.version, copied=settings["share"])
        self._say(f"is put {settings['share']:g} % of the requests to, behind the callers")

    def _look(self, copies: Copies) -> list[Finding]:
        self._stop_where_wished()
        for pair in copies.pairs():
            self._evidence.add(pair)
        if not self._evidence.pairs:
            self._say(f"waits for clients that read {self._rollout.settings.routing} to write into {copies.folder}")
        findings = self._judge_all(GATES)
        self._stop_where_failed(findings)
        return findings

    def _summary(self, copies: Copies) -> str:
        """What was seen, in figures."""
        seconds = self._evidence.seconds
        times = [f"{1000 * median(seconds[label]):.0f} ms at {label}" for label in (STABLE, CANARY) if seconds[label]]
        copied = f"{self._evidence.pairs} requests copied, {copies.not_copied} left out while others waited"
        return "\n".join([f"{copied}; median {', '.join(times)}", *map(str, self._judge(GATES))])
