"""What a detector said of images, and of the videos that they come from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ace_client.contract import FAKE
from ace_training.manifest import ManifestEntry

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Scored:
    """A row an image, or a row a video."""

    names: tuple[str, ...]  # files of the set, or videos
    fake: npt.NDArray[np.bool_]  # the truth
    prob_fake: Floats
    video: npt.NDArray[np.intp]  # which video each row is of, as a number
    manipulation: npt.NDArray[Any]  # text; empty where the row is real
    people: npt.NDArray[np.intp]  # [n, 2]: whose faces are in a row, as numbers; one person, or an unknown one, twice

    def __len__(self) -> int:
        return len(self.names)

    @property
    def both_classes(self) -> bool:
        """Whether real and fake rows are among them."""
        return bool(self.fake.any() and not self.fake.all())

    def videos(self, fake: bool) -> int:
        """How many videos of one truth there are."""
        return len(np.unique(self.video[self.fake == fake]))

    def where(self, chosen: npt.NDArray[np.bool_]) -> "Scored":
        """Some of the rows."""
        names = tuple(name for name, kept in zip(self.names, chosen, strict=True) if kept)
        return Scored(
            names,
            self.fake[chosen],
            self.prob_fake[chosen],
            self.video[chosen],
            self.manipulation[chosen],
            self.people[chosen],
        )

    def by_manipulation(self) -> dict[str, "Scored"]:
        """The fakes of each manipulation with all that is real."""
        kinds = sorted(set(self.manipulation[self.fake]))
        return {kind: self.where(~self.fake | (self.manipulation == kind)) for kind in kinds}

    def by_video(self) -> "Scored":
        """A row a video: the mean of its frames' probabilities.

        Of the probabilities, not of the logits: each frame has one vote of bounded weight, so that a single frame that
        the network is wildly sure of does not outvote the others.
        """
        _, first, video = np.unique(self.video, return_index=True, return_inverse=True)
        mean = np.bincount(video, self.prob_fake) / np.bincount(video)
        names = tuple(self.names[at] for at in first)
        rows = np.arange(len(first))
        return Scored(names, self.fake[first], mean, rows, self.manipulation[first], self.people[first])


def scored(entries: Sequence[ManifestEntry], prob_fake: Floats) -> Scored:
    """The answers to a set's images, in the order of the entries."""
    videos = [f"{entry.label}/{entry.video}" for entry in entries]
    return Scored(
        tuple(entry.file for entry in entries),
        np.array([entry.label == FAKE for entry in entries], bool),
        prob_fake,
        np.unique(videos, return_inverse=True)[1],
        np.array([entry.manipulation for entry in entries], object),
        _numbered([_people(video, entry) for video, entry in zip(videos, entries, strict=True)]),
    )


def _people(video: str, entry: ManifestEntry) -> tuple[str, str]:
    """Whose faces are in an image; where nobody is known, somebody who is in no other video."""
    known = sorted(f"person {name}" for name in entry.people) or [f"video {video}"]
    return known[0], known[-1]


def _numbered(names: Sequence[tuple[str, str]]) -> npt.NDArray[np.intp]:
    return np.unique(names, return_inverse=True)[1].reshape(len(names), 2)


def probability(logits: Floats, temperature: float = 1.0) -> Floats:
    """P(fake) for logits that a temperature divides."""
    return np.asarray(0.5 * (1 + np.tanh(logits / temperature / 2)), np.float64)  # a sigmoid that never overflows
