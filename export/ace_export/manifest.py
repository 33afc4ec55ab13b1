"""What a version was made of and how it was checked, kept beside its graph for whoever meets it later.

`assets.extra/manifest.json`, and in `assets.extra/golden/` the images whose answers stand in it.
"""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from ace_client import contract

from .detector import Detector
from .errors import VersionError
from .golden import GoldenImage
from .parity import Parity
from .settings import Settings
from .signatures import Signatures

EXTRA: Final = Path("assets.extra")
PATH: Final = EXTRA / "manifest.json"
GOLDEN: Final = EXTRA / "golden"
SUFFIXES: Final = {  # for viewers, by the first word of an image's name
    **dict.fromkeys(("jpeg", "exif", "cmyk", "ycck"), ".jpg"),
    **{name: f".{name}" for name in ("png", "bmp", "webp", "gif")},
}
LIBRARIES: Final = ("ace-detector", "tensorflow", "keras", "numpy", "opencv-python-headless")


@dataclass(frozen=True)
class Checked:
    """What the export found before it wrote the manifest."""

    golden: Sequence[GoldenImage]
    parity: Parity  # on the golden images, and on those of --images
    signatures: Signatures


def write(folder: Path, detector: Detector, settings: Settings, checked: Checked) -> None:
    """Writes `manifest.json` and the golden images. What else belongs to the version must be there already."""
    deltas = checked.parity.deltas
    content = {
        "contract": contract.VERSION,
        "source": {"file": detector.file_name, "sha256": detector.sha256},
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "input_size": detector.input_size,
        "scale": detector.scale,
        "output": detector.head.activation,
        "classes": detector.head.classes,
        "temperature": detector.head.temperature,
        "threshold": detector.threshold,
        "precision": settings.precision,
        "xla": settings.xla,
        "max_pixels": settings.max_pixels,
        "metrics": detector.report.metrics,
        "parity": {
            "allowed": checked.parity.tolerance,
            "max_abs_delta": max(deltas.values()),
            "mean_abs_delta": sum(deltas.values()) / len(deltas),
            "abs_delta": deltas,
        },
        "signatures": checked.signatures,
        "golden": _write_golden(folder / GOLDEN, checked),
        "files": hashes(folder),
        "versions": {package: metadata.version(package) for package in LIBRARIES},
    }
    (folder / PATH).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _write_golden(folder: Path, checked: Checked) -> dict[str, Any]:
    folder.mkdir(parents=True)
    entries = {}
    for image in checked.golden:
        answer = checked.parity.answers[image.name]
        file_name = image.name.replace(" ", "-") + SUFFIXES.get(image.name.split()[0], "")
        (folder / file_name).write_bytes(image.data)
        prob_fake = None if math.isnan(answer.prob_fake) else answer.prob_fake
        entries[image.name] = {"file": file_name, **answer._asdict(), "prob_fake": prob_fake}
    return entries


def read(folder: Path) -> dict[str, Any]:
    """The manifest of the version in the folder.

    Raises:
        VersionError: there is none that this tool reads.
    """
    try:
        content = json.loads((folder / PATH).read_text(encoding="utf-8"))
    except OSError as error:
        raise VersionError(
            f"{folder} is no version that ace-export wrote: {PATH} cannot be read ({error.strerror}). "
            "Pass the folder of one version, as models/detector/3."
        ) from error
    except ValueError as error:
        raise VersionError(f"{folder / PATH} is no JSON: {error}. Export the detector again.") from error
    found = content.get("contract") if isinstance(content, dict) else None
    if found != contract.VERSION:
        raise VersionError(
            f"{folder / PATH} is of contract {found}, and this tool reads {contract.VERSION}. "
            "Use the ace-export that wrote it, or export the detector again."
        )
    return dict(content)


def hashes(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file of a version but the manifest, by its path."""
    paths = (path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path): hashlib.sha256((folder / path).read_bytes()).hexdigest() for path in paths if path != PATH}
