"""What is kept beside a detector's file: its `report.json`, which the exporter reads, and its card."""

import json
from pathlib import Path
from typing import Any, Final

from ace_export.report import FILE_NAME
from ace_training.errors import OutputError
from ace_training.whole_file import whole_file

CARD: Final = "MODEL_CARD.md"


def read_report(detector: Path, sha256: str) -> dict[str, Any]:
    """What is known of the detector: at the least its hash, by which the exporter knows the report to be this one's.

    Raises:
        OutputError: the report beside the file is another detector's, or none at all.
    """
    path = detector.with_name(FILE_NAME)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {"detector_sha256": sha256}
    except (OSError, ValueError) as error:
        raise OutputError(f"{path}, which findings are added to, cannot be read: {error}. Move it away.") from error
    named = content.get("detector_sha256") if isinstance(content, dict) else None
    if named != sha256:
        raise OutputError(
            f"{path} is the report of another detector than {detector}, and what is found would be added to it: "
            f"it names the hash {named}, not {sha256}. Put the detector into a folder of its own."
        )
    return dict(content)


def write(path: Path, text: str) -> None:
    """Puts the text into the file at once: whoever reads it meanwhile finds the old one or the new one.

    Raises:
        OutputError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as stream:
            stream.write(text.encode())
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}. See to the folder and the disk.") from error
