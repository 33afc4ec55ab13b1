"""The tool's own questions: the same image to the stable version and to the canary of one server, in either order."""

import random
import time
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ace_client import CallError, Detector, Options, Verdict

from .config_file import CANARY, STABLE
from .errors import SettingsError
from .policy import Gates, Probes
from .servers import Server
from .versions import MANIFEST, manifest

_MAX_IMAGES: Final = 1000  # of a folder, evenly from all of it
_WINDOW: Final = 10_000  # calls that a percentile is taken of
_SUFFIXES: Final = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".gif"}


@dataclass(frozen=True)
class Image:
    """What is asked, and what the exporter found, where it did: prob_fake, None for an image that is to be refused."""

    name: str
    data: bytes
    expected: tuple[float | None] | None = None


@dataclass(frozen=True)
class Reply:
    """What came of one question."""

    verdicts: Sequence[Verdict] | None  # one an image; None where the call failed
    error: str
    seconds: float


@dataclass(frozen=True)
class Pair:
    """One request, asked twice."""

    images: Sequence[str]
    stable: Reply
    canary: Reply


@dataclass
class Evidence:
    """All pairs since the canary began."""

    policy: Gates
    pairs: int = 0
    answered: int = 0  # pairs that both answered, which alone are compared by their times
    failed: dict[str, int] = field(default_factory=lambda: {STABLE: 0, CANARY: 0})
    only_failed: dict[str, int] = field(default_factory=lambda: {STABLE: 0, CANARY: 0})  # and the other did not
    slower: int = 0  # pairs in which the canary took longer than it may
    only_slow: dict[str, int] = field(default_factory=lambda: {STABLE: 0, CANARY: 0})
    seconds: dict[str, deque[float]] = field(
        default_factory=lambda: {label: deque(maxlen=_WINDOW) for label in (STABLE, CANARY)}
    )
    answers: dict[str, tuple[Verdict, Verdict]] = field(default_factory=dict)  # the latest by image
    last_error: str = ""

    def add(self, pair: Pair) -> None:
        """One more pair."""
        self.pairs += 1
        replies = {STABLE: pair.stable, CANARY: pair.canary}
        failed = {label: reply.verdicts is None for label, reply in replies.items()}
        _count_one_sided(self.only_failed, failed)
        for label in replies:
            self.failed[label] += failed[label]
        self.last_error = pair.canary.error or self.last_error
        if pair.stable.verdicts and pair.canary.verdicts:
            answers = zip(pair.stable.verdicts, pair.canary.verdicts, strict=True)
            self.answers.update(zip(pair.images, answers, strict=True))
            self._compare({label: reply.seconds for label, reply in replies.items()})

    def _compare(self, seconds: Mapping[str, float]) -> None:
        self.answered += 1
        limit_s = self.slow_s
        _count_one_sided(
            self.only_slow, {label: limit_s is not None and each > limit_s for label, each in seconds.items()}
        )
        self.slower += seconds[CANARY] > self.policy.latency.factor * seconds[STABLE]
        for label, each in seconds.items():
            self.seconds[label].append(each)

    @property
    def slow_s(self) -> float | None:
        """From where on a call counts as slow, by the pairs so far; None while they are too few."""
        tail = self.policy.p99
        return tail.factor * p99_s(self.seconds[STABLE]) if len(self.seconds[STABLE]) >= tail.min_pairs else None


class Prober:
    """Asks each pair of servers in turn, or one server of each, one image after another."""

    def __init__(self, pairs: Sequence[tuple[Server, Server]], images: Sequence[Image], probes: Probes) -> None:
        self.images = images
        options = Options(max_attempts=1)  # a call that fails is what is looked for
        self._servers = pairs
        self._detectors = {
            server: server.probing(probes.deadline_s, options) for server in {each for pair in pairs for each in pair}
        }
        self._asked = 0
        for _ in pairs:
            self.pair()  # which takes longer, as it connects

    def close(self) -> None:
        """Gives the connections back."""
        for detector in self._detectors.values():
            detector.close()

    def pair(self) -> Pair | None:
        """The next image at the next server; None where that has begun anew and is still loading what it serves."""
        image = self.images[self._asked % len(self.images)]
        servers = dict(zip((STABLE, CANARY), self._servers[self._asked % len(self._servers)], strict=True))
        self._asked += 1
        labels = random.sample((STABLE, CANARY), 2)  # the second finds caches warm: each is it half of the time
        replies = {label: _ask(self._detectors[servers[label]], image, label) for label in labels}
        pair = Pair([image.name], replies[STABLE], replies[CANARY])
        one_failed = (pair.stable.verdicts is None) != (pair.canary.verdicts is None)
        return None if one_failed and any(server.is_loading() for server in servers.values()) else pair


def p99_s(seconds: Collection[float]) -> float:
    """The smallest that 99 of 100 do not exceed."""
    return sorted(seconds)[-(-99 * len(seconds) // 100) - 1]


def probe_images(version: Path, probes: Probes) -> list[Image]:
    """The golden images of the version's manifest, and those of the folder.

    Raises:
        SettingsError: one cannot be read, or there is none at all.
    """
    images = [*_golden(version), *_of_folder(probes.images)]
    if not images:
        raise SettingsError(
            f"There is nothing to ask a canary: {version / MANIFEST} has no golden images, and rollout.toml names no "
            "others. Write [probes] and `images = FOLDER` into it."
        )
    return images


def _golden(version: Path) -> list[Image]:
    entries: Mapping[str, Any] = (manifest(version) or {}).get("golden", {})
    folder = version / MANIFEST.parent / "golden"
    return [
        Image(f"golden {name}", _content(folder / entry["file"]), (entry["prob_fake"],))
        for name, entry in entries.items()
    ]


def _of_folder(folder: Path | None) -> list[Image]:
    if folder is None:
        return []
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES)
    if not paths:
        raise SettingsError(f"{folder}, named in rollout.toml as probes.images, has no images.")
    chosen = paths[:: -(-len(paths) // _MAX_IMAGES)]
    return [Image(str(path.relative_to(folder)), _content(path)) for path in chosen]


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.") from error


def _ask(detector: Detector, image: Image, label: str) -> Reply:
    start_s = time.perf_counter()
    try:
        verdicts = detector.detect(image.data, label=label)
    except CallError as error:
        return Reply(None, str(error), time.perf_counter() - start_s)
    return Reply(verdicts, "", time.perf_counter() - start_s)


def _count_one_sided(counts: dict[str, int], found: Mapping[str, bool]) -> None:
    sides = [label for label, holds in found.items() if holds]
    if len(sides) == 1:
        counts[sides[0]] += 1
