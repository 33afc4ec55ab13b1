"""What training wrote down about a detector, in the `report.json` beside it."""

import json
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ace_client import contract

from .errors import ModelError

FILE_NAME: Final = "report.json"
logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Report:
    """What of training's report concerns the export; None where training did not say."""

    classes: tuple[str, str] | None = None  # what outputs 0 and 1 stand for
    threshold: float | None = None
    temperature: float | None = None
    metrics: dict[str, Any] = field(default_factory=dict)  # on the test set


def read_report(detector: Path, sha256: str) -> Report:
    """The report beside a detector's file where it names the file's hash; else an empty one.

    Raises:
        ModelError: the report is this detector's, and cannot be understood.
    """
    path = detector.with_name(FILE_NAME)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Report()
    except (OSError, ValueError) as error:
        logger.warning("%s is not used, for it cannot be read: %s", path, error)
        return Report()
    if not isinstance(content, dict) or content.get("detector_sha256") != sha256:
        logger.warning("%s is not used, for it does not name the hash of %s", path, detector.name)
        return Report()
    return Report(
        classes=_classes(content.get("class_names"), path),
        threshold=_number(content, "threshold", path),
        temperature=_number(content, "temperature", path),
        metrics=content.get("test") or {},
    )


def _classes(names: Any, path: Path) -> tuple[str, str] | None:
    if names is None:
        return None
    if not isinstance(names, list) or sorted(map(str, names)) != sorted((contract.REAL, contract.FAKE)):
        raise ModelError(
            f"{path} has the class names {names}, not {contract.REAL} and {contract.FAKE}. "
            "Pass --classes with the order of the model's outputs in these words."
        )
    return names[0], names[1]


def _number(content: dict[str, Any], key: str, path: Path) -> float | None:
    value = content.get(key)
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    raise ModelError(f"{path} has the {key} {value!r}, which is no number. Correct it.")
