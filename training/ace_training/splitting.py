"""Which split each video belongs to, so that nobody is in two."""

import json
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

import numpy as np

from . import ties
from .errors import SourceError
from .image_files import CLASS_NAMES, SPLITS
from .sources import Source

SHARES: Final = {"train": 0.72, "val": 0.14, "test": 0.14}  # those of FaceForensics++: 720, 140 and 140 of 1,000


def split_officially(sources: list[Source], folder: Path) -> dict[str, str]:
    """The split of each video, as FaceForensics++'s files say: `train.json` and so on, each a list of pairs of ids.

    Raises:
        SourceError: a file is missing or is none, names an id in two splits or without a video, or leaves one out.
    """
    split_of: dict[str, str] = {}
    for split in SPLITS:
        for name in _ids(folder / f"{split}.json"):
            if split_of.setdefault(name, split) != split:
                raise SourceError(
                    f"{folder} puts {name} into {split_of[name]} and {split}. Take it out of one of them."
                )
    people = frozenset().union(*(source.people for source in sources))
    for wrong, what in (
        (split_of.keys() - people, f"{folder} names ids that no video has"),
        (people - split_of.keys(), f"{folder} says nothing of the ids"),
    ):
        if wrong:
            raise SourceError(
                f"{what}: {_some(wrong)}. Complete the videos or the files, or pass --splits none to split them anew."
            )
    for source in sources:
        if len({split_of[name] for name in source.people}) > 1:
            raise SourceError(
                f"{source.video} ties {source.identity} in {split_of[source.identity]} to {source.donor} in "
                f"{split_of[source.donor]} by {folder}. Take the video out, or pass --splits none to split anew."
            )
    return _checked(sources, {source.video: split_of[source.identity] for source in sources})


def _ids(path: Path) -> list[str]:
    try:
        pairs: Any = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SourceError(f"{path} does not exist. Put it there, or pass --splits none to split anew.") from error
    except ValueError as error:
        raise SourceError(f"{path} is no JSON: {error}.") from error
    if not (isinstance(pairs, list) and all(isinstance(pair, list) and len(pair) == 2 for pair in pairs)):
        raise SourceError(f'{path} is no list of pairs of ids: [["071", "054"], ...].')
    return [str(name) for pair in pairs for name in pair]


def split_by_people(sources: list[Source], *, seed: int) -> dict[str, str]:
    """The split of each video: people tied by a swap, and all their videos, together; shares as FaceForensics++'s.

    Raises:
        SourceError: there are too few groups of people for a split to have both classes.
    """
    wanted = Counter(source.label for source in sources)
    have: dict[str, Counter[str]] = {split: Counter() for split in SPLITS}
    split_of: dict[str, str] = {}
    groups = _groups(sources)
    order = np.random.default_rng(seed).permutation(len(groups))
    waiting = [(group, Counter(source.label for source in group)) for group in (groups[at] for at in order)]
    waiting.sort(key=lambda each: -len(each[0]))
    for at, (group, counts) in enumerate(waiting):

        def filled(split: str, counts: Counter[str] = counts) -> float:
            """How full the split would be of what the group has."""
            return max((have[split][label] + counts[label]) / (SHARES[split] * wanted[label]) for label in counts)

        lacking = [split for split in SPLITS if not counts.keys() <= have[split].keys()]
        left = sum(counts.keys() <= others.keys() for _, others in waiting[at:])
        split = min(lacking if 0 < left <= len(lacking) else SPLITS, key=filled)  # the last of few go where none is
        have[split] += counts
        split_of |= {source.video: split for source in group}
    return _checked(sources, split_of)


def _groups(sources: list[Source]) -> list[list[Source]]:
    """The videos whose people are tied, directly or by others, in the order of their first."""
    found: dict[int, list[Source]] = {}
    for source, group in zip(sources, ties.groups(source.people for source in sources), strict=True):
        found.setdefault(group, []).append(source)
    return list(found.values())


def _checked(sources: list[Source], split_of: dict[str, str]) -> dict[str, str]:
    """The splits, where each has both classes."""
    for split in SPLITS:
        for label in CLASS_NAMES:
            if not any(source.label == label and split_of[source.video] == split for source in sources):
                raise SourceError(
                    f"The {split} split would have no {label} videos: there are {len(sources)}, in "
                    f"{len(_groups(sources))} groups of people who share no face. Give it more, or other splits."
                )
    return split_of


def _some(names: Collection[str]) -> str:
    """The first few, and how many there are."""
    more = len(names) - 5
    return ", ".join(sorted(names)[:5]) + (f" and {more} more" if more > 0 else "")
