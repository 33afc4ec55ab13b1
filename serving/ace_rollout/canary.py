"""A version on trial: a growing share of the calls, step by step, while gates watch; to the end or all the way back."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, replace
from typing import Final

from . import wishes
from .errors import Refused
from .journal import CANARY, Operation
from .probing import Prober
from .rollout import Rollout
from .switching import carry_out, promotion
from .trial import Trial, begun

STEPS: Final = (1.0, 5.0, 25.0, 50.0, 100.0)
HOLD_S: Final = 60.0


def planned(
    rollout: Rollout, version: int, steps: Sequence[float] | None, hold_s: float | None, why: str = ""
) -> Operation:
    """The canary, or the one of this version that is under way already, at the step that it has come to.

    What is None is as it was, or else by default; steps that are given are those to come.

    Raises:
        Refused: there is no such version, none is stable yet, something else is under way, or a step is behind it.
    """
    under_way = begun(rollout, CANARY, version)
    if under_way is None:
        return Operation(CANARY, version, why, {"steps": [*(steps or STEPS)], "hold_s": _else(hold_s, HOLD_S)})
    earlier, passed = under_way.settings, under_way.settings["steps"][: under_way.step]
    if steps and passed and steps[0] <= passed[-1]:
        raise Refused(f"`{under_way}` has held {passed[-1]:g} % of the calls. Give steps above that, or none.")
    settings = {
        "steps": [*passed, *steps] if steps else earlier["steps"],
        "hold_s": _else(hold_s, earlier["hold_s"]),
    }
    return replace(under_way, settings=settings)


class Canary(Trial):
    """One trial, from where its operation stands to its end."""

    def run(self) -> str:
        """The trial to its end, and how it ended: promoted where its last step is all calls, else at its last share.

        Raises:
            RolledBack: it did not pass, or somebody wished it back; all calls go to the stable version.
            RolloutError: a file or a server was in the way; the trial stands where it stood.
        """
        wishes.clear(self._rollout.wish)  # of a trial that has ended
        self._load()
        steps = self._operation.settings["steps"]
        with closing(Prober(self._rollout.pairs, self._asked.images, self._probes)) as prober:
            self._compare(prober)
            for share in steps[self._operation.step :]:
                self._take(share)
                self._probe(prober, self._operation.settings["hold_s"])
                self._operation = self._rollout.journal.passed(self._operation)
        version = self._operation.version
        if steps[-1] < 100:
            return f"version {version} has {steps[-1]:g} % of the calls: ace-rollout promote, or rollback"
        plan = promotion(self._rollout, version, self._operation.why)
        carry_out(self._rollout, plan, evidence=[asdict(finding) for finding in self._judge()])
        return f"version {version} is stable"

    def _take(self, share: float) -> None:
        self._rollout.route(self._rollout.split(share))
        self._rollout.history.add("canary step", self._operation.version, share=share)
        self._say(f"gets {share:g} % of the calls")


def _else(given: float | None, default: float) -> float:
    return default if given is None else given
