"""Everything that a command works with: files, servers, history, and what is under way."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ace_client import Security

from . import routing_file
from .bringing import Group, Site, bring
from .config_file import CANARY, STABLE, ConfigFile, Served
from .errors import Refused, SettingsError
from .fleet import Away, Fleet
from .history import History
from .journal import Journal, Operation
from .lock import holder, locked
from .proxies import tell
from .servers import Server, Target
from .settings import Settings
from .store import Store
from .versions import versions


@dataclass(frozen=True)
class Rollout:
    """A model, and what belongs to it."""

    settings: Settings
    groups: Sequence[Group]
    fleet: Fleet
    folder: Path
    history: History
    journal: Journal

    @property
    def file(self) -> ConfigFile:
        """models.config; of the stable servers, where there are two groups."""
        return self.groups[0].file

    @property
    def store(self) -> Store | None:
        """Where the servers find versions, if not in the folder; raises SettingsError."""
        return Store(self.settings.store) if self.settings.store else None

    @property
    def pairs(self) -> list[tuple[Server, Server]]:
        """Where the stable version and the canary are asked, to be compared: at one server, or one of each group."""
        of_groups = [[each for each in self.fleet.servers if each.address in group.addresses] for group in self.groups]
        stable, canary = of_groups[0], of_groups[-1]
        count = max(len(stable), len(canary))
        return [(stable[number % len(stable)], canary[number % len(canary)]) for number in range(count)]

    @property
    def weights(self) -> dict[str, float]:
        """Which share of the calls each label gets, in the routing file's own numbers."""
        return routing_file.read(self.settings.routing)

    def split(self, canary_share: float) -> dict[str, float]:
        """The weights with which the canary gets this share, in percent, of what it and the stable version get.

        That is as much together as before: weights are relative, and the other labels keep their shares.
        """
        weights = self.weights
        others = {label: weight for label, weight in weights.items() if label not in (STABLE, CANARY)}
        percent = (weights.get(STABLE, 0.0) + weights.get(CANARY, 0.0)) / 100 or 1.0
        ours = {STABLE: (100 - canary_share) * percent, CANARY: canary_share * percent}
        return {**{label: weight for label, weight in ours.items() if weight}, **others}

    @property
    def canary_share(self) -> float:
        """Which share of the calls that the canary and the stable version get goes to the canary, in percent."""
        return _canary_share(self.weights)

    def route(self, weights: Mapping[str, float], shadow: Mapping[str, Any] | None = None) -> None:
        """Clients split their calls so, within a second, and proxies likewise; `shadow` as `ace_client.shadow` has it.

        Raises:
            SettingsError: a file cannot be written, or a proxy not be told; the others have been.
        """
        routing_file.write(self.settings.routing, weights, shadow)
        tell(self.settings.proxies, _canary_share(weights))

    def route_back(self) -> None:
        """Calls go to the stable version, whatever the file said."""
        try:
            weights = self.split(0)
        except SettingsError:
            weights = {STABLE: 100}
        self.route(weights)

    def served(self) -> Served:
        """Which versions are served and labelled now, by models.config; the canary's by its group's, if it has one."""
        found = [group.file.read().served for group in self.groups]
        named = tuple(version for served in found for version in served.versions)
        labels = {**found[0].labels, **{label: at for label, at in found[-1].labels.items() if label == CANARY}}
        return Served(named if all(served.versions for served in found) else (), labels)

    def bring(self, served: Served) -> None:
        """models.config says this, and the servers do it; see `bringing.bring`."""
        bring(Site(self.groups, self.fleet, self.folder, self.settings.load_timeout_s), served)

    def path(self, version: int) -> Path:
        """The folder of a version.

        Raises:
            Refused: there is none.
        """
        if version not in versions(self.folder):
            found = ", ".join(map(str, sorted(versions(self.folder)))) or "none"
            raise Refused(f"There is no version {version} in {self.folder}, which has {found}. Publish it first.")
        return self.folder / str(version)

    @contextlib.contextmanager
    def alone(self, doing: str) -> Iterator[None]:
        """No other rollout of this models.config is under way; raises Busy."""
        with locked(self._beside(".lock"), f"{doing} of {self.settings.model}"):
            yield

    def holder(self) -> str | None:
        """Who works on this models.config now, on whatever model."""
        return holder(self._beside(".lock"))

    def is_attended(self, operation: Operation) -> bool:
        """Whether there is a process that carries this out."""
        doing = (f"ace-rollout {operation.name}", f"ace-rollout resume: {operation}")
        return (self.holder() or "").endswith(tuple(f"({each} of {self.settings.model})" for each in doing))

    @property
    def wish(self) -> Path:
        """The file by which one process asks another that holds the lock to pause, or to roll back."""
        return self._beside(f".{self.settings.model}.wish")

    def _beside(self, suffix: str) -> Path:
        return self.settings.config.with_name(self.settings.config.name + suffix)


def _canary_share(weights: Mapping[str, float]) -> float:
    stable, canary = (weights.get(label, 0.0) for label in (STABLE, CANARY))
    return 100 * canary / (stable + canary) if canary else 0.0


@contextlib.contextmanager
def opened(settings: Settings, security: Security | None, *, away: Away = "none") -> Iterator[Rollout]:
    """The rollout of the model that the settings name; `away` says which servers may not answer.

    Raises:
        SettingsError: models.config cannot be read, or does not have the model.
    """
    file = ConfigFile(settings.config, settings.model)
    base_path = file.read().entry.base_path
    if settings.folder is None and "://" in base_path:
        raise SettingsError(
            f"{settings.config} has the versions at {base_path}, and ace-rollout looks into folders only. Name one of "
            "this machine's own in rollout.toml, `folder`, and the URL as `store`."
        )
    folder = settings.folder or Path(base_path)
    journal = Journal(settings.config.with_name(f"{settings.config.name}.{settings.model}.journal"))
    groups = [Group(file, settings.servers)]
    if settings.canary_servers:
        canaries = Group(ConfigFile(settings.canary_config, settings.model), settings.canary_servers, CANARY)
        groups = [replace(groups[0], label=STABLE), canaries]
    addresses = [address for group in groups for address in group.addresses]
    servers = [Server(Target(address, settings.model, security, settings.polls)) for address in addresses]
    with Fleet(servers, away=away) as fleet:
        yield Rollout(settings, groups, fleet, folder, History(folder), journal)
