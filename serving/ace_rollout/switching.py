"""Making a version the stable one, or going back to one: planned first, so that it can be shown, then carried out."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from .config_file import CANARY, STABLE, Served
from .errors import NotServed, Refused, SettingsError, Unreachable
from .history import PROMOTED, ROLLED_BACK, TAKEN_BACK
from .journal import Operation
from .rollout import Rollout
from .versions import verified

_Value: TypeAlias = Mapping[str, float] | Sequence[int]


@dataclass(frozen=True)
class Plan:
    """What will be served, called and routed, from what is."""

    operation: Operation
    what: str  # for the history
    before: Served
    after: Served
    weights_before: Mapping[str, float]
    weights: Mapping[str, float]
    weights_first: bool  # callers leave before their label does; else they come once it is there
    taken_back: int | None = None  # the canary that this ends

    def __str__(self) -> str:
        """The changes, a line each."""
        changes: list[tuple[str, _Value, _Value]] = [
            ("versions", self.before.versions, self.after.versions),
            ("labels", self.before.labels, self.after.labels),
            ("weights", self.weights_before, self.weights),
        ]
        return "\n".join(f"{what}: {_words(old)} → {_words(new)}" for what, old, new in changes if old != new)

    def facts(self) -> dict[str, Any]:
        """What the history keeps of it."""
        return {
            "from": {**_facts(self.before), "weights": self.weights_before},
            "to": {**_facts(self.after), "weights": self.weights},
            **({"taken_back": self.taken_back} if self.taken_back is not None else {}),
        }


def promotion(rollout: Rollout, version: int | None, why: str = "") -> Plan:
    """The version, by default the canary, becomes the stable one; the one before stays loaded.

    Raises:
        Refused: there is no such version, or another one's canary is under way.
    """
    before = rollout.served()
    number = version or before.canary
    if number is None:
        raise Refused("There is no canary to promote. Name the version: ace-rollout promote 3.")
    under_way = rollout.journal.read()
    if under_way and under_way.is_trial and under_way.version != number:
        raise Refused(f"A trial of version {under_way.version} is under way. End it first: ace-rollout rollback.")
    rollout.path(number)
    after = _all_on(number, before, kept_beside(rollout, before, number))
    operation = Operation("promote", number, why)
    return Plan(operation, PROMOTED, before, after, rollout.weights, rollout.split(0), weights_first=False)


def return_to(rollout: Rollout, version: int | None, why: str = "") -> Plan:
    """Back to the stable version where there is a canary, else to the one that was stable before; or to that given.

    Raises:
        Refused: there is nothing to go back to.
    """
    before = rollout.served()
    under_way = rollout.journal.read()
    canary = under_way.version if under_way and under_way.is_trial else before.canary
    number = version or (before.stable if canary else rollout.history.good_before(before.stable))
    if number is None:
        raise Refused(
            f"{rollout.history.path} names no version before this one. Say which: ace-rollout rollback --to 3."
        )
    rollout.path(number)
    what = TAKEN_BACK if number == before.stable and canary else ROLLED_BACK
    after = _all_on(number, before, kept_beside(rollout, before) if what == TAKEN_BACK else [])
    operation = Operation("rollback", number, why)
    weights = rollout.weights, rollout.split(0)
    return Plan(operation, what, before, after, *weights, weights_first=True, taken_back=canary)


def carry_out(rollout: Rollout, plan: Plan, **facts: Any) -> None:
    """All servers serve it, clients are routed so, and the history says so.

    Raises:
        NotServed, Unreachable: a server did not get there; all is as before but for weights that have gone back. No
            server answers on the way back: the files say what is to be served, and the rollback is under way.
        SettingsError: a file cannot be written, or a proxy not be told its weights; the servers serve it.
    """
    operation = plan.operation
    if plan.weights_first:
        with contextlib.suppress(SettingsError):  # a proxy that is away keeps no server from going back: told below
            rollout.route(plan.weights)
        rollout.fleet.away = "all"  # none keeps the others from going back, nor models.config, which they come up in
    else:
        facts["sha256"] = verified(rollout.path(operation.version))  # on the way back there is no time for it
    _bring(rollout, plan)
    rollout.route(plan.weights)
    if left_out := dict(rollout.fleet.unreachable):
        facts["left_out"] = left_out
    rollout.history.add(plan.what, operation.version, why=operation.why, **plan.facts(), **facts)
    if rollout.fleet.silent:
        raise Unreachable(
            f"{'; '.join(left_out.values())}. {rollout.file.path} says version {operation.version}, and servers that "
            "start come up with it. Once they answer: ace-rollout resume."
        )
    rollout.journal.end()


def _bring(rollout: Rollout, plan: Plan) -> None:
    """The servers serve it, and the journal has it; what the journal had before where one cannot."""
    earlier, operation = rollout.journal.read(), plan.operation
    rollout.journal.write(operation)
    try:
        rollout.bring(plan.after)
    except (NotServed, Unreachable) as error:
        rollout.history.add(f"{operation.name} failed", operation.version, why=operation.why, evidence=str(error))
        if earlier:
            rollout.journal.write(earlier)
        else:
            rollout.journal.end()
        raise


def kept_beside(rollout: Rollout, before: Served, stable: int | None = None) -> list[int]:
    """The version before the stable one, where it is loaded: it stays, for a rollback at once.

    `stable` is the one that becomes stable, by default the one that is. Of two groups, each has room for its own only.
    """
    becomes = stable is not None and stable != before.stable
    previous = before.stable if becomes else rollout.history.good_before(before.stable)
    return [previous] if previous in before.versions and not rollout.settings.canary_servers else []


def _all_on(version: int, before: Served, kept: Sequence[int]) -> Served:
    """Both labels on the version: the canary's stays, for callers who have yet to read that it gets nothing."""
    labels = {**before.labels, STABLE: version, CANARY: version}
    return Served((*labels.values(), *kept), labels)


def _words(value: _Value) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {number:g}" for key, number in sorted(value.items())) or "none"
    return ", ".join(map(str, value)) or "the servers' choice"


def _facts(served: Served) -> dict[str, Any]:
    return {"versions": served.versions, "labels": dict(served.labels)}
