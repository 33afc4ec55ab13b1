"""Which label answers, where a routing file splits the traffic.

The file is JSON, written by `ace-rollout` or by hand, replaced as a whole:

    {"weights": {"stable": 95, "canary": 5}}

Weights are relative; one of 0 gets nothing. A key always gets the same label while the weights stay the same, and where
one label's weight grows, keys move to that label only (weighted rendezvous hashing, Schindelhauer and Schomaker 2005).
"""

import json
import math
import random
from collections.abc import Mapping
from hashlib import blake2b

from .security import FilePath
from .watched_files import WatchedFiles


class Routing:
    """The labels of a routing file, read again when it changes; a malformed one is logged and changes nothing."""

    def __init__(self, path: FilePath) -> None:
        """Reads the file.

        Raises:
            SetupError: it cannot be read, or is no routing file.
        """
        self._weights = WatchedFiles([path], lambda contents: read_weights(contents[0]))

    def label(self, key: str | None) -> str:
        """The label for a key; without one, a label by chance."""
        return choose(self._weights.current, key)


def choose(weights: Mapping[str, float], key: str | None) -> str:
    """The label for a key, the same in every process; for None one by chance."""
    if key is None:
        return random.choices([*weights], [*weights.values()])[0]
    return max(weights, key=lambda label: _score(label, key, weights[label]))


def read_weights(content: bytes) -> dict[str, float]:
    """The labels with their weights, those without any left out.

    Raises:
        ValueError: it is no routing file; the message says what is wrong.
    """
    found = json.loads(content)
    if not isinstance(found, dict) or found.keys() != {"weights"} or not isinstance(found["weights"], dict):
        raise ValueError('a routing file is {"weights": {"stable": 95, "canary": 5}} with your labels')
    for label, weight in found["weights"].items():
        if not label or isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight < math.inf:
            raise ValueError(
                f"the weight of label {label!r} is {weight!r}: give a number from 0 up, and the label a name"
            )
    weights = {label: float(weight) for label, weight in found["weights"].items() if weight}
    if not weights:
        raise ValueError("no label has a weight above 0, and nothing would answer")
    return weights


def _score(label: str, key: str, weight: float) -> float:
    digest = blake2b(f"{label}\0{key}".encode(), digest_size=8).digest()
    uniform = (int.from_bytes(digest, "big") + 0.5) / 2**64  # in (0, 1)
    return -weight / math.log(uniform)
