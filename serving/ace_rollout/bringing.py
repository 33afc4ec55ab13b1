"""From what is served to what shall be: file first, servers after, versions before labels; whole, or undone."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .config_file import Config, ConfigFile, Served
from .errors import NotServed, RolloutError, Unreachable
from .fleet import Fleet
from .versions import versions


@dataclass(frozen=True)
class Site:
    """The file, the servers that follow it, and the seconds that a version may take to load."""

    file: ConfigFile
    fleet: Fleet
    folder: Path
    load_timeout_s: float

    def served(self, config: Config) -> Served:
        """What the config says, or the servers have where it leaves that to them, of what is in the folder still."""
        found = config.served
        there = versions(self.folder).intersection(found.versions or self.fleet.available())
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
        NotServed, Unreachable: a server did not get there; file and servers are as before.
        EditedMeanwhile: somebody wrote the file; it is as they wrote it.
        SettingsError: it cannot be read or written.
    """
    original = site.file.read()
    site.fleet.check()
    try:
        for stage in stages(site.served(original), after):
            config = original.serving(stage)
            site.file.write(config)
            site.fleet.bring(config, site.load_timeout_s)
    except (NotServed, Unreachable) as error:
        raise type(error)(f"{error}\n{_undo(site, original)}") from error


def _undo(site: Site, original: Config) -> str:
    """Bring all back, also those that refused, as that has taken all labels from a TensorFlow Serving; how it went."""
    site.file.write(original)
    try:
        site.fleet.bring(original, site.load_timeout_s)
    except RolloutError as error:
        return f"{site.file.path} is as before, but not every server is: {error}"
    return f"{site.file.path} and all servers are as before."
