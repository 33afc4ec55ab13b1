"""A set's images, put to a scorer."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
from tqdm import tqdm

from ace_training.errors import ImageFolderError
from ace_training.manifest import ManifestEntry

from .scored import Floats
from .scorers import Score, Scorer

BATCH: Final = 32


def logits_of(scorer: Scorer, data: Path, entries: Sequence[ManifestEntry], *, name: str) -> Floats:
    """The logit of P(fake) for each image of the entries; shows a progress bar of that name.

    Raises:
        ImageFolderError: an image cannot be read; the message names it.
        EvaluationError: the scorer does not answer.
    """
    paths = [data / entry.file for entry in entries]
    found = []
    answers = tqdm(ask(scorer, map(_read, paths)), total=len(paths), desc=name, unit="image", mininterval=0.5)
    for path, score in zip(paths, answers, strict=True):
        if score.error:
            raise ImageFolderError(f"{path} is no image that can be read ({score.error}). Remove it or replace it.")
        found.append(score.logit)
    return np.array(found)


def ask(scorer: Scorer, images: Iterable[bytes]) -> Iterator[Score]:
    """The answers to any number of encoded images, of which no more are held than a batch."""
    images = iter(images)
    while batch := list(islice(images, BATCH)):
        yield from scorer.scores(batch)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ImageFolderError(f"{path} cannot be read: {error.strerror}. Remove it or replace it.") from error
