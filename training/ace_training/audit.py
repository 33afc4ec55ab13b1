"""Whether a set of images can be trusted: nobody and nothing in two splits, files readable, classes in balance.

A detector that has seen a test image's person, or the image itself, has an easier task than it will have in use, and
its figures say nothing.
"""

import itertools
import os
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from .drawing import Floats
from .errors import ImageFolderError
from .image_files import CLASS_NAMES, SPLITS
from .manifest import ManifestEntry, read_manifest
from .perceptual_hash import LEAST_CORRELATION, MOST_BITS, Prints, perceptual_hash, same_pictures, thumbnail


@dataclass(frozen=True, kw_only=True)
class Leak:
    """What stands in two splits."""

    kind: str  # `video`, `identity`, `near-duplicate`
    name: str  # of the video or the person; empty for near-duplicates
    splits: tuple[str, str]
    files: tuple[str, str]  # one of each split, below the set's folder
    bits: int | None = None  # in which the perceptual hashes of near-duplicates differ, of 64


@dataclass(frozen=True, kw_only=True)
class Audit:
    """What there is to know about a set before it is trained on."""

    leaks: tuple[Leak, ...]  # none where the set can be trusted
    summary: dict[str, Any]  # all of it for a JSON file: counts, sizes, unreadable files, leaks, the distance in bits


@dataclass(frozen=True)
class _Look:
    """What one file holds."""

    width: int
    height: int
    hash: int
    thumbnail: Floats


def audit(data: Path) -> Audit:
    """Reads every image of the set, with a progress bar, and says what is in two splits, and what else is wrong.

    Raises:
        ImageFolderError: the folder has no images in that layout, or its manifest is none.
    """
    entries = read_manifest(data)
    if not entries:
        raise ImageFolderError(f"{data} holds no images. Pass the folder that holds {{train,val,test}}/{{real,fake}}/.")
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        files = (data / entry.file for entry in entries)
        looks = list(tqdm(threads.map(_look, files), total=len(entries), desc="audit", unit="image"))
    leaks = (*_in_two_splits(entries), *_near_duplicates(entries, looks))
    return Audit(leaks=leaks, summary=_summary(entries, looks, leaks))


def _look(file: Path) -> _Look | None:
    """The file's content; None where it cannot be read to its end."""
    content = file.read_bytes()
    if not content or _cut_off(content):
        return None
    grey = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE)
    return None if grey is None else _Look(grey.shape[1], grey.shape[0], perceptual_hash(grey), thumbnail(grey))


def _cut_off(content: bytes) -> bool:
    """Whether this is a JPEG that ends too soon, which OpenCV decodes, with grey for the rest."""
    return content.startswith(b"\xff\xd8") and content.rfind(b"\xff\xd9") < content.rfind(b"\xff\xda")


def _in_two_splits(entries: list[ManifestEntry]) -> Iterable[Leak]:
    """Videos first, then the people who are not in them."""
    for kind in ("video", "identity"):
        first: dict[tuple[str, str], str] = {}  # (name, split) → a file
        for entry in entries:
            for name in (entry.video,) if kind == "video" else sorted(entry.people):
                first.setdefault((name, entry.split), entry.file)
        for name in sorted({name for name, _ in first}):
            found = [split for split in SPLITS if (name, split) in first]
            for one, other in itertools.combinations(found, 2):
                files = first[name, one], first[name, other]
                yield Leak(kind=kind, name=name, splits=(one, other), files=files)


def _near_duplicates(entries: list[ManifestEntry], looks: list[_Look | None]) -> list[Leak]:
    """For each file that is the same picture as some of another split the one most like it; the nearest first."""
    readable = [(entry, look) for entry, look in zip(entries, looks, strict=True) if look]
    if not readable:
        return []
    prints = Prints(
        np.array([look.hash for _, look in readable], np.uint64), np.stack([look.thumbnail for _, look in readable])
    )
    of_split = {split: [at for at, (entry, _) in enumerate(readable) if entry.split == split] for split in SPLITS}
    found: list[Leak] = []
    for splits in itertools.combinations(SPLITS, 2):
        others, some = (of_split[split] for split in splits)
        for at, to, bits in same_pictures(prints.of(some), prints.of(others)):
            files = readable[others[to]][0].file, readable[some[at]][0].file
            found.append(Leak(kind="near-duplicate", name="", splits=splits, files=files, bits=bits))
    return sorted(found, key=lambda leak: (leak.bits, leak.files))


def _summary(entries: list[ManifestEntry], looks: list[_Look | None], leaks: tuple[Leak, ...]) -> dict[str, Any]:
    sides = np.array([(look.width, look.height) for look in looks if look]).reshape(-1, 2)
    kinds = Counter(leak.kind for leak in leaks)
    return {
        "images": len(entries),
        "splits": {split: _counts([entry for entry in entries if entry.split == split]) for split in SPLITS},
        "width_px": _spread(sides[:, 0]),
        "height_px": _spread(sides[:, 1]),
        "unreadable": [entry.file for entry, look in zip(entries, looks, strict=True) if look is None],
        "near_duplicates": {"most_bits_of_64": MOST_BITS, "least_correlation": LEAST_CORRELATION},
        "leak_counts": {kind: kinds[kind] for kind in ("video", "identity", "near-duplicate")},
        "leaks": [asdict(leak) for leak in leaks],
    }


def _counts(entries: list[ManifestEntry]) -> dict[str, Any]:
    """Of one split: images and videos of each class, and people."""
    people: set[str] = set().union(*(entry.people for entry in entries))
    return {
        **{
            label: {
                "images": sum(entry.label == label for entry in entries),
                "videos": len({entry.video for entry in entries if entry.label == label}),
            }
            for label in CLASS_NAMES
        },
        "identities": len(people),
    }


def _spread(sizes: "np.typing.NDArray[np.int64]") -> dict[str, int]:
    """Least, median and largest; nothing of nothing."""
    if not len(sizes):
        return {}
    return {"least": int(sizes.min()), "median": int(np.median(sizes)), "largest": int(sizes.max())}
