"""What a version was made of and how it was checked, kept beside its graph for the person who meets it later."""

import json
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path

from .detector import Detector

FILE_NAME = "manifest.json"


def write(folder: Path, detector: Detector, *, threshold: float, parity: dict[str, float]) -> None:
    """Writes `manifest.json`; `parity` has how far each golden image's answer is from the reference's."""
    content = {
        "source": {"file": detector.file_name, "sha256": detector.sha256},
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "input_size": detector.input_size,
        "precision": "float32",
        "threshold": threshold,
        "parity": {"max_abs_delta": max(parity.values()), "abs_delta": parity},
        "versions": {package: metadata.version(package) for package in ("ace-detector", "tensorflow", "keras")},
    }
    (folder / FILE_NAME).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
