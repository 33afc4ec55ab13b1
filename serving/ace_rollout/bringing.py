"""From what is served to what shall be: file first, servers after, versions before labels; whole, or undone."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from .config_file import Config, ConfigFile, Served
from .errors import NotServed, Unreachable
from .fleet import Fleet
from .versions import versions


@dataclass(frozen=True)
class Group:
    """Servers that follow one file. With a label, they serve its version alone, whatever their callers ask for."""

    file: ConfigFile
    addresses: Collection[str]
    label: str | None = None

    def part(self, served: Served) -> Served:
        """What these serve of what is served."""
        if self.label is None:
            return served
        version = served.labels[self.label]
        return Served((version,), dict.fromkeys(served.labels, version))


@dataclass(frozen=True)
class Site:
    """All servers, the files that they follow, and the seconds that a version may take to load."""

    groups: Sequence[Group]
    fleet: Fleet
    folder: Path
    load_timeout_s: float

    def served(self, group: Group, config: Config) -> Served:
        """What the config says, or the servers have where it leaves that to them, of what is in the folder still."""
        found = config.served
        there = versions(self.folder).intersection(found.versions or self.fleet.available(group.addresses))
        return Served(tuple(there), {label: version for label, version in found.labels.items() if version in there})


def stages(before: Served, after: Served) -> Sequence[Served]:
    """What to serve in turn, so that no label is ever on a version that is not loaded.

    TensorFlow Serving refuses a label of a version that is only being loaded, and lets a version go before it moves the
    label away from it: new versions, then labels, then old versions.
    """
    both = Served((*before.versions, *after.versions), before.labels)
    found = [both, Served(both.versions, after.labels), after]
    return [stage for stage, last in zip(found, [None, *found], strict=False) if stage != last]


def bring(site: Site, after: Served) -> None:
    """models.config says this, and all servers serve it; what they served before where one cannot.

    Raises:
        NotServed, Unreachable: a server did not get there; files and servers are as before.
        EditedMeanwhile: somebody wrote the file; it is as they wrote it.
        SettingsError: it cannot be read or written.
    """
    originals = [group.file.read() for group in site.groups]
    site.fleet.check()
    try:
        for group, original in zip(site.groups, originals, strict=True):
            for stage in stages(site.served(group, original), group.part(after)):
                _serve(site, group, original.serving(stage))
    except (NotServed, Unreachable) as error:
        ends = [_undo(site, group, original) for group, original in zip(site.groups, originals, strict=True)]
        raise type(error)("\n".join([str(error), *ends])) from error


def _serve(site: Site, group: Group, config: Config) -> None:
    group.file.write(config)
    site.fleet.bring(config, site.load_timeout_s, group.addresses)


def _undo(site: Site, group: Group, original: Config) -> str:
    """Bring all back, also those that refused, as that has taken all labels from a TensorFlow Serving; how it went."""
    try:
        _serve(site, group, original)
    except (NotServed, Unreachable) as error:
        return f"{group.file.path} is as before, but not every server is: {error}"
    return f"{group.file.path} and all its servers are as before."
