"""A version on trial: a growing share of the calls, step by step, while gates watch; to the end or all the way back."""

import sys
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import asdict
from typing import Final

from . import wishes
from .config_file import CANARY, Served
from .errors import NotServed, Refused, RolledBack, SettingsError, Unreachable
from .gates import SEQUENTIAL, Asked, Finding, judge
from .history import WATCHED
from .journal import Operation
from .probing import Evidence, Prober, probe_images
from .rollout import Rollout
from .switching import carry_out, promotion, return_to
from .versions import manifest, verified

NAME: Final = "canary"
_WATCHED: Final = 12  # times a step that the history is told what is seen, for its drawing
_WATCHED_S: Final = 1.0  # and no more often than that


def planned(rollout: Rollout, version: int, steps: Sequence[float], hold_s: float, why: str) -> Operation:
    """The canary, or the one of this version that is under way already, at the step that it has come to.

    Raises:
        Refused: there is no such version, none is stable yet, or something else is under way.
    """
    served, under_way = rollout.served(), rollout.journal.read()
    if under_way and (under_way.name, under_way.version) == (NAME, version):
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
    return Operation(NAME, version, why, {"steps": list(steps), "hold_s": hold_s})


class Canary:
    """One trial, from where its operation stands to its end."""

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

    def run(self) -> str:
        """The trial to its end, and how it ended: promoted where its last step is all calls, else at its last share.

        Raises:
            RolledBack: it did not pass, or somebody wished it back; all calls go to the stable version.
            RolloutError: a file or a server was in the way; the trial stands where it stood.
        """
        wishes.clear(self._rollout.wish)  # of a canary that has ended
        self._load()
        steps = self._operation.settings["steps"]
        with closing(Prober(self._rollout.pairs, self._asked.images, self._probes)) as prober:
            self._compare(prober)
            for share in steps[self._operation.step :]:
                self._take(share)
                self._hold(prober, self._operation.settings["hold_s"])
                self._operation = self._rollout.journal.passed(self._operation)
        version = self._operation.version
        if steps[-1] < 100:
            return f"version {version} has {steps[-1]:g} % of the calls: ace-rollout promote, or rollback"
        plan = promotion(self._rollout, version, self._operation.why)
        carry_out(self._rollout, plan, evidence=[asdict(finding) for finding in self._judge()])
        return f"version {version} is stable"

    def _load(self) -> None:
        """The version is loaded everywhere and bears its label, and no call goes to it before that."""
        version, before = self._operation.version, self._rollout.served()
        sha256 = verified(self._rollout.path(version))
        self._rollout.journal.write(self._operation)
        if before.labels.get(CANARY) != version:
            self._rollout.route(self._rollout.split(0))
        labels = {**before.labels, CANARY: version}
        try:
            self._rollout.bring(Served(tuple(labels.values()), labels))
        except NotServed as error:
            self._take_back(Finding("loads", False, {"error": str(error)}))
        self._rollout.history.add("canary loaded", version, why=self._operation.why, sha256=sha256)
        self._say("is loaded")

    def _compare(self, prober: Prober) -> None:
        """Every image once, before the first call of a caller."""
        for _ in prober.images:
            self._ask(prober, only=SEQUENTIAL)
        findings = self._judge()
        self._keep(WATCHED, findings)
        self._stop_where_failed(findings)
        for finding in findings:
            self._say(str(finding))
        self._hold(prober, 0.0)

    def _take(self, share: float) -> None:
        self._rollout.route(self._rollout.split(share))
        self._rollout.history.add("canary step", self._operation.version, share=share)
        self._say(f"gets {share:g} % of the calls")

    def _hold(self, prober: Prober, hold_s: float) -> None:
        """So long, and until gates have seen enough and all servers answer, and while somebody wishes a pause.

        What the gates say is kept in the history a few times, and at its end.
        """
        pause_s, start_s = 1 / self._probes.per_s, time.monotonic()
        end_s, watched_s = start_s + hold_s, start_s
        while True:
            next_s = time.monotonic() + pause_s
            findings = self._ask(prober)
            if next_s < end_s and next_s - watched_s >= max(hold_s / _WATCHED, _WATCHED_S):
                watched_s = next_s
                self._keep(WATCHED, findings)
            waiting = [each for each in findings if each.passed is None and each.gate in SEQUENTIAL]
            if time.monotonic() >= end_s and not waiting and not self._paused() and self._all_answer():
                self._keep("canary held", findings)
                return
            time.sleep(max(0.0, next_s - time.monotonic()))

    def _keep(self, what: str, findings: Sequence[Finding]) -> None:
        """The history has what was seen, at which share."""
        evidence, share = [asdict(finding) for finding in findings], self._rollout.weights.get(CANARY, 0.0)
        self._rollout.history.add(what, self._operation.version, share=share, evidence=evidence)

    def _ask(self, prober: Prober, only: Sequence[str] = ()) -> list[Finding]:
        wish = wishes.read(self._rollout.wish)
        if wish and wish.what == wishes.ROLLBACK:
            self._take_back(Finding("wished", False, {"by": wish.who, "why": wish.why}))
        if pair := prober.pair():
            self._evidence.add(pair)
        findings = self._judge(only)
        self._stop_where_failed(findings)
        return findings

    def _judge(self, only: Sequence[str] = ()) -> list[Finding]:
        return judge(self._policy, self._evidence, self._asked, only=only)

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

    def _stop_where_failed(self, findings: Sequence[Finding]) -> None:
        if failed := [finding for finding in findings if finding.passed is False]:
            self._take_back(*failed)

    def _take_back(self, *findings: Finding) -> None:
        """Calls first, label second. Raises RolledBack."""
        with suppress(SettingsError):  # `carry_out` tries again, and says so
            self._rollout.route_back()  # before anything that could fail
        why = "; ".join(map(str, findings))
        plan = return_to(self._rollout, self._rollout.served().stable, why)
        evidence = [asdict(finding) for finding in findings]
        carry_out(self._rollout, plan, evidence=evidence, taken_back=self._operation.version)
        wishes.clear(self._rollout.wish)
        taken_back = f"version {self._operation.version} was taken back: {why}"
        raise RolledBack(f"{taken_back}\nAll calls go to version {plan.operation.version}.")

    def _say(self, text: str) -> None:
        if text == self._said:
            return
        self._said = text
        print(f"ace-rollout: canary {self._operation.version} {text}", file=sys.stderr, flush=True)
