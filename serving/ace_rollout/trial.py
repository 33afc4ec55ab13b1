"""What trials of a version have in common: it is loaded, compared, watched by gates, and taken back where one fails."""

import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Final

from . import wishes
from .config_file import CANARY, Served
from .errors import NotServed, Refused, RolledBack, SettingsError, Unreachable
from .gates import SEQUENTIAL, Asked, Finding, judge
from .journal import Operation
from .probing import Evidence, Prober, probe_images
from .queries import ERROR, Queries
from .rollout import Rollout
from .switching import carry_out, kept_beside, return_to
from .versions import manifest, verified

_WATCHED: Final = 12  # times a step that the history is told what is seen, for its drawing
_WATCHED_S: Final = 1.0  # and no more often than that


def begun(rollout: Rollout, name: str, version: int) -> Operation | None:
    """The trial of this version that is under way already; None where nothing is, and one may begin.

    Raises:
        Refused: there is no such version, none is stable yet, or something else is under way.
    """
    served, under_way = rollout.served(), rollout.journal.read()
    if under_way and (under_way.name, under_way.version) == (name, version):
        return under_way
    if under_way:
        raise Refused(
            f"`{under_way}` is under way. Go on with it, ace-rollout resume, or end it, ace-rollout rollback."
        )
    if served.stable is None:
        raise Refused(f"{rollout.file.path} labels no version stable. Begin with one: ace-rollout promote 1.")
    if version == served.stable:
        raise Refused(f"Version {version} is the stable one already.")
    rollout.path(version)
    return None


class Trial:
    """A version on trial under the label `canary`, from where its operation stands to its end."""

    def __init__(self, rollout: Rollout, operation: Operation) -> None:
        self._rollout = rollout
        self._operation = operation
        self._policy = rollout.settings.gates
        self._probes = rollout.settings.probes
        version = rollout.path(operation.version)
        allowed = (manifest(version) or {}).get("parity", {}).get("allowed", 0.0)
        self._asked = Asked(probe_images(version, self._probes), allowed)
        self._said = ""
        self._evidence = Evidence(self._policy)
        self._queries = Queries(rollout.settings.prometheus, operation.version)

    def _load(self) -> None:
        """The version is loaded everywhere and bears its label, and no call goes to it before that."""
        version, before = self._operation.version, self._rollout.served()
        sha256 = verified(self._rollout.path(version))
        self._rollout.journal.write(self._operation)
        if before.labels.get(CANARY) != version:
            self._rollout.route(self._rollout.split(0))
        labels = {**before.labels, CANARY: version}
        try:
            self._rollout.bring(Served((*labels.values(), *kept_beside(self._rollout, before)), labels))
        except NotServed as error:
            self._take_back(Finding("loads", False, {"error": str(error)}))
        self._rollout.history.add(f"{self._operation.name} loaded", version, why=self._operation.why, sha256=sha256)
        self._say("is loaded")

    def _compare(self, prober: Prober) -> None:
        """Every image of the tool's own once, before the first image of a caller."""
        for _ in prober.images:
            self._ask(prober, only=SEQUENTIAL)
        findings = self._judge_all()
        self._keep("watched", findings)
        self._stop_where_failed(findings)
        for finding in findings:
            self._say(str(finding))
        self._probe(prober, 0.0)

    def _probe(self, prober: Prober, hold_s: float) -> None:
        """Asks the tool's own questions so long; see `_hold`."""
        self._hold(lambda: self._ask(prober), SEQUENTIAL, hold_s, 1 / self._probes.per_s)

    def _hold(self, look: Callable[[], list[Finding]], needed: Sequence[str], hold_s: float, pause_s: float) -> None:
        """Looks again and again so long, and until the gates that are needed have seen enough and all servers answer.

        And while somebody wishes a pause. What the gates say is kept in the history a few times, and at its end.
        """
        start_s = time.monotonic()
        end_s, watched_s = start_s + hold_s, start_s
        while True:
            next_s = time.monotonic() + pause_s
            findings = look()
            if next_s < end_s and next_s - watched_s >= max(hold_s / _WATCHED, _WATCHED_S):
                watched_s = next_s
                self._keep("watched", findings)
            silent = [each for each in findings if each.passed is None]
            waiting = [each for each in silent if each.gate in needed or ERROR in each.figures]
            if time.monotonic() >= end_s and not self._paused() and self._all_answer():
                if not waiting:
                    self._keep("held", findings)
                    return
                self._say(f"waits: {'; '.join(map(_lack, waiting))}")
            time.sleep(max(0.0, next_s - time.monotonic()))

    def _keep(self, what: str, findings: Sequence[Finding]) -> None:
        """The history has what was seen, at which share."""
        evidence = [asdict(finding) for finding in findings]
        what, share = f"{self._operation.name} {what}", self._rollout.canary_share
        self._rollout.history.add(what, self._operation.version, share=share, evidence=evidence)

    def _ask(self, prober: Prober, only: Sequence[str] = ()) -> list[Finding]:
        self._stop_where_wished()
        if pair := prober.pair():
            self._evidence.add(pair)
        findings = self._judge(only) if only else self._judge_all()
        self._stop_where_failed(findings)
        return findings

    def _judge(self, only: Sequence[str] = ()) -> list[Finding]:
        return judge(self._policy, self._evidence, self._asked, only=only)

    def _judge_all(self, only: Sequence[str] = ()) -> list[Finding]:
        """The same, and what Prometheus says."""
        return [*self._judge(only), *self._queries.judge()]

    def _paused(self) -> bool:
        wish = wishes.read(self._rollout.wish)
        return wish is not None and wish.what == wishes.PAUSE

    def _all_answer(self) -> bool:
        """Whether every server answers, or those that do not may be left out."""
        try:
            self._rollout.fleet.check()
        except Unreachable as error:
            self._say(f"waits: {error}")
            return False
        return True

    def _stop_where_wished(self) -> None:
        wish = wishes.read(self._rollout.wish)
        if wish and wish.what == wishes.ROLLBACK:
            self._take_back(Finding("wished", False, {"by": wish.who, "why": wish.why}))

    def _stop_where_failed(self, findings: Sequence[Finding]) -> None:
        if failed := [finding for finding in findings if finding.passed is False]:
            self._take_back(*failed)

    def _take_back(self, *findings: Finding) -> None:
        """Calls first, label second. Raises RolledBack."""
        with suppress(SettingsError):  # `carry_out` tries again, and says so
            self._rollout.route_back()  # before anything that could fail
        why = "; ".join(map(str, findings))
        plan = return_to(self._rollout, self._rollout.served().stable, why)
        carry_out(self._rollout, plan, evidence=[asdict(finding) for finding in findings])
        wishes.clear(self._rollout.wish)
        taken_back = f"version {self._operation.version} was taken back: {why}"
        raise RolledBack(f"{taken_back}\nAll calls go to version {plan.operation.version}.")

    def _say(self, text: str) -> None:
        if text == self._said:
            return
        self._said = text
        print(f"ace-rollout: {self._operation} {text}", file=sys.stderr, flush=True)


def _lack(finding: Finding) -> str:
    """What a gate waits for, in words that stay the same while it does."""
    return str(finding) if ERROR in finding.figures else f"{finding.gate} has seen too little"
