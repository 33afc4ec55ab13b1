"""How the detector holds out where images are degraded."""

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from tqdm import tqdm

from ace_client.contract import FAKE
from ace_training.errors import ImageFolderError
from ace_training.manifest import ManifestEntry

from .calibration import OperatingPoint
from .degradations import DEGRADATIONS, Degradation
from .figures import figures
from .scored import probability, scored
from .scorers import Scorer
from .scoring import BATCH, ask

_AHEAD: Final = 2 * BATCH  # images that are degraded before they are asked for
SHOWN: Final = ("auc", "true_positive_rate", "true_negative_rate")


@dataclass(frozen=True)
class Curve:
    """One kind of degradation, by its strengths; None where there is a single class."""

    name: str
    unit: str
    strengths: tuple[float, ...]
    figures: dict[str, tuple[float | None, ...]]  # of frames: auc, true_positive_rate, true_negative_rate


def curves(scorer: Scorer, data: Path, entries: Sequence[ManifestEntry], point: OperatingPoint) -> list[Curve]:
    """How good the answers to the images are once these are degraded in every kind and strength.

    Raises:
        ImageFolderError: OpenCV does not read an image.
        EvaluationError: the scorer does not answer.
    """
    settings = [(kind, strength) for kind in DEGRADATIONS for strength in kind.strengths]
    tasks = [(kind, strength, data / entry.file) for kind, strength in settings for entry in entries]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        answers = ask(scorer, _ahead(pool, tasks))
        shown = tqdm(answers, total=len(tasks), desc="degraded", unit="image", mininterval=0.5)
        logits = np.array([score.logit for score in shown]).reshape(len(settings), len(entries))
    found = {
        (kind.name, strength): figures(scored(entries, probability(row, point.temperature)), point.threshold)
        for (kind, strength), row in zip(settings, logits, strict=True)
    }
    return [
        Curve(
            kind.name,
            kind.unit,
            kind.strengths,
            {name: tuple(found[kind.name, strength][name] for strength in kind.strengths) for name in SHOWN},
        )
        for kind in DEGRADATIONS
    ]


def spread(entries: Sequence[ManifestEntry], count: int) -> list[ManifestEntry]:
    """At most `count` of the entries, half real and half fake, evenly spaced over the files: no video has them all."""
    chosen: list[ManifestEntry] = []
    for fake in (False, True):
        mine = [entry for entry in entries if (entry.label == FAKE) == fake]
        places = np.linspace(0, len(mine) - 1, min(len(mine), count // 2)).round().astype(int)
        chosen += [mine[place] for place in places]
    return chosen


_Task = tuple[Degradation, float, Path]


def _ahead(pool: ThreadPoolExecutor, tasks: Sequence[_Task]) -> Iterator[bytes]:
    """The degraded images in order, made by the pool a little before their turn."""
    waiting: deque[Future[bytes]] = deque()
    for task in tasks:
        waiting.append(pool.submit(_degraded, task))
        if len(waiting) > _AHEAD:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _degraded(task: _Task) -> bytes:
    kind, strength, path = task
    image = cv2.imread(str(path))
    if image is None:
        raise ImageFolderError(f"{path} is no image that OpenCV reads. Convert it to JPEG or PNG, or remove it.")
    return kind.apply(image, strength)
