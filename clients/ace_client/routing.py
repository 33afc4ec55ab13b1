"""Which label answers, where a routing file splits the traffic.

The file is JSON, written by `ace-rollout` or by hand, replaced as a whole:

    {"weights": {"stable": 95, "canary": 5}}

Weights are relative; one of 0 gets nothing. A key always gets the same label while the weights stay the same, and where
one label's weight grows, keys move to that label only (weighted rendezvous hashing, Schindelhauer and Schomaker 2005).

A second entry has a share of the requests put to a candidate too, behind the answer to the caller; see `shadow`:

    {"weights": {"stable": 100}, "shadow": {"label": "canary", "share": 0.1, "answers": "shadow-2"}}
"""

import json
import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from .security import FilePath
from .watched_files import WatchedFiles

_FORM = 'a routing file is {"weights": {"stable": 95, "canary": 5}} with your labels'
_SHADOW_FORM = '"shadow" is {"label": "canary", "share": 0.1, "answers": "FOLDER"}, with a share from 0 to 1'


@dataclass(frozen=True, slots=True)
class Shadowing:
    """Which share of the requests is put to another label too, and into which folder both answers are written."""

    label: str
    share: float  # in [0, 1]
    answers: str  # relative to the routing file


@dataclass(frozen=True, slots=True)
class Routes:
    """What a routing file says. Labels of weight 0 are left out."""

    weights: Mapping[str, float]
    shadow: Shadowing | None = None


class Routing:
    """The labels of a routing file, read again when it changes; a malformed one is logged and changes nothing."""

    def __init__(self, path: FilePath) -> None:
        """Reads the file.

        Raises:
            SetupError: it cannot be read, or is no routing file.
        """
        self.folder = Path(path).absolute().parent
        self._routes = WatchedFiles([path], lambda contents: read_routes(contents[0]))

    @property
    def routes(self) -> Routes:
        """What the file says, or said when it was last right."""
        return self._routes.current

    def label(self, key: str | None) -> str:
        """The label for a key; without one, a label by chance."""
        return choose(self.routes.weights, key)


def choose(weights: Mapping[str, float], key: str | None) -> str:
    """The label for a key, the same in every process; for None one by chance."""
    if key is None:
        return random.choices([*weights], [*weights.values()])[0]
    return max(weights, key=lambda label: _score(label, key, weights[label]))


def read_routes(content: bytes) -> Routes:
    """What a routing file with this content says.

    Raises:
        ValueError: it is none; the message says what is wrong.
    """
    found = json.loads(content)
    if not isinstance(found, dict) or not {"weights"} <= found.keys() <= {"weights", "shadow"}:
        raise ValueError(_FORM)
    return Routes(_weights(found["weights"]), _shadowing(found["shadow"]) if "shadow" in found else None)


def _weights(found: Any) -> dict[str, float]:
    if not isinstance(found, dict):
        raise ValueError(_FORM)
    for label, weight in found.items():
        if not label or not _is_number(weight) or not 0 <= weight < math.inf:
            raise ValueError(
                f"the weight of label {label!r} is {weight!r}: give a number from 0 up, and the label a name"
            )
    weights = {label: float(weight) for label, weight in found.items() if weight}
    if not weights:
        raise ValueError("no label has a weight above 0, and nothing would answer")
    return weights


def _shadowing(found: Any) -> Shadowing:
    if not isinstance(found, dict) or found.keys() != {"label", "share", "answers"}:
        raise ValueError(_SHADOW_FORM)
    texts = isinstance(found["label"], str) and isinstance(found["answers"], str)
    if not texts or not _is_number(found["share"]) or not 0 <= found["share"] <= 1:
        raise ValueError(_SHADOW_FORM)
    return Shadowing(**found)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _score(label: str, key: str, weight: float) -> float:
    digest = blake2b(f"{label}\0{key}".encode(), digest_size=8).digest()
    uniform = (int.from_bytes(digest, "big") + 0.5) / 2**64  # in (0, 1)
    return -weight / math.log(uniform)
