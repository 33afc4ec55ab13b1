"""What is kept of a request that was put to a candidate too: a line of JSON, as `shadow` writes and judges read it.

    {"at": "2026-11-25T12:00:00+00:00", "images": ["9f86d081884c7d65"], "not_copied": 0, "answers": {
      "stable": {"seconds": 0.031, "error": null, "version": 1, "verdicts": [[0.97, "fake", null]]},
      "canary": {"seconds": 0.030, "error": null, "version": 2, "verdicts": [[0.96, "fake", null]]}}}

An image is named by the beginning of its SHA-256, a verdict is `[prob_fake, label, error]`, and a request that failed
has the error alone. `not_copied` counts those left out since the line before. Nothing of the image itself is kept.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from hashlib import sha256
from typing import Any, Final

from .answers import Verdict

_MAX_TEXT: Final = 500


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a request: a verdict an image, all of one version; or none, and an error."""

    verdicts: Sequence[Verdict]
    error: str | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Copied:
    """A request with its answers by label."""

    images: Sequence[str]  # their names
    answers: Mapping[str, Answer]
    not_copied: int = 0

    def line(self) -> bytes:
        """Its line, of now; texts are cut short: a candidate may answer anything."""
        content = {
            "at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "images": self.images,
            "not_copied": self.not_copied,
            "answers": {label: _facts(answer) for label, answer in self.answers.items()},
        }
        return json.dumps(content).encode() + b"\n"


def copied(line: bytes) -> Copied:
    """What a line says.

    Raises:
        ValueError: it is none, as a crash leaves it.
    """
    try:
        found = json.loads(line)
        answers = {str(label): _answer(answer) for label, answer in found["answers"].items()}
        return Copied([str(image) for image in found["images"]], answers, int(found["not_copied"]))
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"no line of a shadow: {line[:_MAX_TEXT]!r}") from error


def name_of(image: bytes) -> str:
    """What an image is called: the same one is called the same in every process."""
    return sha256(image).hexdigest()[:16]


def _facts(answer: Answer) -> dict[str, Any]:
    facts: dict[str, Any] = {"seconds": round(answer.seconds, 6), "error": _text(answer.error)}
    if answer.error is None:
        facts["version"] = answer.verdicts[0].version
        facts["verdicts"] = [
            [None if math.isnan(each.prob_fake) else each.prob_fake, _text(each.label), _text(each.error)]
            for each in answer.verdicts
        ]
    return facts


def _answer(facts: Mapping[str, Any]) -> Answer:
    if facts["error"] is not None:
        return Answer((), str(facts["error"]), float(facts["seconds"]))
    verdicts = [
        Verdict(math.nan if prob_fake is None else float(prob_fake), label, facts["version"], error)
        for prob_fake, label, error in facts["verdicts"]
    ]
    return Answer(verdicts, None, float(facts["seconds"]))


def _text(text: str | None) -> str | None:
    return text and text[:_MAX_TEXT]
