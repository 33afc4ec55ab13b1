"""What is served, by whom, under which label, to which share of the calls; and where that is not as it should be."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ace_client import VersionStatus

from . import journal, wishes
from .config_file import CANARY, STABLE, Served
from .rollout import Rollout
from .versions import versions

_GONE = "END"


@dataclass(frozen=True)
class _Seen:
    """What one server says."""

    statuses: list[VersionStatus]
    labels: dict[str, int | None]

    def states(self) -> dict[int, VersionStatus]:
        return {each.version: each for each in self.statuses if each.state != _GONE or each.error}


def status(rollout: Rollout) -> dict[str, Any]:
    """Versions with their labels, shares and states by server; what is under way; and notes on what is amiss.

    Raises:
        SettingsError: a file cannot be read.
    """
    served = rollout.served()
    asked = sorted({*served.labels, STABLE, CANARY})
    seen = rollout.fleet.ask(
        lambda server: _Seen(server.statuses(), {label: server.labelled(label) for label in asked})
    )
    weights = rollout.weights
    rows = versions(rollout.folder).union(served.versions, *(each.states() for each in seen.values()))
    under_way, holder, wish = rollout.journal.read(), rollout.holder(), wishes.read(rollout.wish)
    return {
        "model": rollout.settings.model,
        "versions": [
            {
                "version": version,
                "labels": sorted(label for label, at in served.labels.items() if at == version),
                "share": _share(version, served.labels, weights),
                "servers": {address: _state(version, each) for address, each in seen.items()},
            }
            for version in sorted(rows)
        ],
        "weights": weights,
        "under_way": str(under_way) if under_way else None,
        "held_by": holder,
        "paused": wish is not None and wish.what == wishes.PAUSE,
        "notes": [*_notes(rollout, seen, served), *_unattended(rollout)],
    }


def table(found: dict[str, Any]) -> str:
    """The same for people."""
    addresses = sorted({address for row in found["versions"] for address in row["servers"]})
    rows = [["version", "labels", "share", *addresses]]
    for row in found["versions"]:
        share = f"{row['share']:.0%}" if row["share"] else "-"
        states = [row["servers"].get(address) or "-" for address in addresses]
        rows.append([str(row["version"]), ",".join(row["labels"]) or "-", share, *states])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return "\n".join([*lines, *(f"! {note}" for note in found["notes"])])


def _share(version: int, labels: Any, weights: dict[str, float]) -> float:
    total = sum(weights.values())
    return sum(weight for label, weight in weights.items() if labels.get(label) == version) / total if total else 0.0


def _state(version: int, seen: _Seen) -> str | None:
    found = seen.states().get(version)
    if found is None:
        return None
    return f"{found.state}: {found.error}" if found.error else found.state


def _notes(rollout: Rollout, seen: dict[str, _Seen], served: Served) -> Iterator[str]:
    for address, reason in rollout.fleet.unreachable.items():
        yield f"{address} does not answer: {reason}"
    for group in rollout.groups:
        labels = group.file.read().served.labels
        for address in seen.keys() & {*group.addresses}:
            for label, found in seen[address].labels.items():
                if found != labels.get(label):
                    yield f"{address} has the label {label} on {found}, and {group.file.path} on {labels.get(label)}"
    for label in rollout.weights.keys() - served.labels.keys():
        yield f"{rollout.settings.routing} sends calls to the label {label}, which {rollout.file.path} does not have"


def _unattended(rollout: Rollout) -> Iterator[str]:
    under_way = rollout.journal.read()
    if under_way is None or rollout.is_attended(under_way):
        return
    if under_way.name == journal.CANARY and under_way.step == len(under_way.settings["steps"]):
        yield (
            f"`{under_way}` of {under_way.began} has passed its last step, and nobody watches it: ace-rollout promote, "
            f"rollback, or canary {under_way.version} --steps with higher ones"
        )
    else:
        yield (
            f"`{under_way}` of {under_way.began} was ended before it was done, and nobody watches it: "
            "ace-rollout resume goes on with it, ace-rollout rollback takes it back"
        )
