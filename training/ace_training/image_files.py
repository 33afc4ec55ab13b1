"""Where the images of a set lie: DATA/{train,val,test}/{real,fake}/, as FaceForensics++ frame sets are laid out."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from ace_client.contract import FAKE, IMAGE_SUFFIXES, REAL

from .errors import ImageFolderError

SPLITS: Final = ("train", "val", "test")
CLASS_NAMES: Final = (REAL, FAKE)  # a class's place is its label


@dataclass(frozen=True)
class ImageFiles:
    """The images of one split, shuffled once."""

    paths: tuple[Path, ...]
    labels: tuple[int, ...]

    def counts(self) -> dict[str, int]:
        """How many images there are of each class."""
        return {name: self.labels.count(label) for label, name in enumerate(CLASS_NAMES)}


def find_images(data: Path, *, seed: int) -> dict[str, ImageFiles]:
    """The images of each split, at any depth below their class's folder.

    Raises:
        ImageFolderError: a folder is missing, or holds no images.
    """
    if not data.is_dir():
        raise ImageFolderError(
            f"{data} is not a folder. Pass the folder that holds {{train,val,test}}/{{real,fake}}/; "
            f"`python -m ace_training faces {data}` draws one."
        )
    return {split: _find_split(data / split, seed) for split in SPLITS}


def _find_split(folder: Path, seed: int) -> ImageFiles:
    found: list[tuple[Path, int]] = []
    for label, name in enumerate(CLASS_NAMES):
        paths = sorted(path for path in (folder / name).rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
        if not paths:
            raise ImageFolderError(
                f"{folder / name} {'holds no images' if (folder / name).is_dir() else 'is not a folder'}, and training "
                f"needs real and fake ones in each of train, val and test. Put some there "
                f"({', '.join(sorted(IMAGE_SUFFIXES))})."
            )
        found += [(path, label) for path in paths]
    order = np.random.default_rng(seed).permutation(len(found))
    return ImageFiles(tuple(found[at][0] for at in order), tuple(found[at][1] for at in order))
