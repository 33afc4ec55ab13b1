"""What the graph in a version's folder says of images."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import tensorflow as tf

from ace_client import contract

from .errors import VersionError

BATCH_SIZE = 8  # images a run: more gain nothing, and cost memory


class Answer(NamedTuple):
    """What `serving_default` says of one image."""

    prob_fake: float  # NaN where the image was refused
    label: str
    error: str

    def distance(self, other: "Answer") -> float:
        """How far apart two `prob_fake` are; infinity where one image was refused and the other was not."""
        if math.isnan(self.prob_fake) and math.isnan(other.prob_fake):
            return 0.0
        delta = abs(self.prob_fake - other.prob_fake)
        return math.inf if math.isnan(delta) else delta


def answers(folder: Path, images: Sequence[bytes]) -> list[Answer]:
    """The answer to each encoded image, of the SavedModel loaded afresh.

    Raises:
        VersionError: the folder holds no SavedModel of the contract that this TensorFlow loads.
    """
    graph = load(folder)
    batches = (images[start : start + BATCH_SIZE] for start in range(0, len(images), BATCH_SIZE))
    return [answer for batch in batches for answer in graph(batch)]


def load(folder: Path) -> Callable[[Sequence[bytes]], list[Answer]]:
    """What answers batches of encoded images: the `serving_default` of the SavedModel in the folder.

    Raises:
        VersionError: the folder holds no SavedModel of the contract that this TensorFlow loads.
    """
    try:
        loaded = tf.saved_model.load(str(folder))
    except (LookupError, OSError, ValueError, tf.errors.OpError) as error:
        raise VersionError(f"{folder} could not be loaded: {error}") from error
    if contract.SERVING_DEFAULT not in loaded.signatures:
        raise VersionError(f"{folder} has no signature {contract.SERVING_DEFAULT}. Export the detector again.")

    def graph(images: Sequence[bytes]) -> list[Answer]:
        outputs = loaded.signatures[contract.SERVING_DEFAULT](tf.constant(list(images), tf.string))
        prob_fake = outputs[contract.PROB_FAKE].numpy().tolist()
        labels, errors = (map(bytes.decode, outputs[name].numpy()) for name in (contract.LABEL, contract.ERROR))
        return list(map(Answer, prob_fake, labels, errors))

    return graph
