"""Which versions may be deleted: none that anybody serves, names or may want back."""

from .errors import Unreachable
from .publishing import remove
from .rollout import Rollout
from .versions import versions


def retirable(rollout: Rollout, keep: int) -> tuple[list[int], dict[int, str]]:
    """The versions that can go, oldest first, where the newest `keep` stay; and why each other one stays.

    Raises:
        Unreachable: a server does not say what it serves.
    """
    there = sorted(versions(rollout.folder))
    staying = _reasons(rollout)
    staying.update((version, f"among the newest {keep}") for version in there[len(there) - keep :])
    return [version for version in there if version not in staying], {
        version: staying[version] for version in there if version in staying
    }


def retire(rollout: Rollout, going: list[int], why: str) -> None:
    """The versions are deleted, and the history says so; raises SettingsError."""
    store = rollout.store
    for version in going:
        if store:
            store.remove(version)
        remove(rollout.folder, version)
        rollout.history.add("retired", version, why=why)


def _reasons(rollout: Rollout) -> dict[int, str]:
    """Why versions stay; the weightiest reason of each."""
    served, under_way = rollout.served(), rollout.journal.read()
    on_servers = rollout.fleet.ask(lambda server: {each.version for each in server.statuses() if each.state != "END"})
    if rollout.fleet.unreachable:  # whatever the policy: what it serves is not known
        silent = "; ".join(rollout.fleet.unreachable.values())
        raise Unreachable(f"{silent}. What it serves is not known, and nothing was deleted. Start it first.")
    sharing = set().union(*(group.file.read().sharing_folder() for group in rollout.groups))
    good = rollout.history.good_before(served.stable)
    return {
        **({good: "the one to roll back to"} if good else {}),
        **({under_way.version: f"`{under_way}` is under way"} if under_way else {}),
        **{version: f"served by {address}" for address, found in on_servers.items() for version in found},
        **dict.fromkeys(sharing, "served as another model"),
        **dict.fromkeys(served.versions, f"in {rollout.file.path}"),
        **{version: f"labelled {label}" for label, version in sorted(served.labels.items(), reverse=True)},
    }
