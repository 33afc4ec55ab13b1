"""What an audit found: as a table for the terminal, as JSON, and the pairs as a picture."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from .audit import Audit, Leak
from .camera import Frame
from .errors import OutputError
from .image_files import CLASS_NAMES

AUDIT_FILE: Final = "audit.json"
LEAKS_FILE: Final = "leaks.png"
_LISTED: Final = 20  # leaks of each kind in the table
_SHOWN: Final = 24  # pairs on the picture
_COLUMNS: Final = 3  # of pairs
_TILE_PX: Final = 160
_CAPTION_PX: Final = 46
_LINE_PX: Final = 13


def table(found: Audit) -> str:
    """The counts by split and class, what cannot be read, and every leak, the first 20 of each kind."""
    summary = found.summary
    lines = [f"{'':5} " + "".join(f"{label + ' images':>13}{'videos':>8}" for label in CLASS_NAMES) + f"{'people':>8}"]
    for split, counts in summary["splits"].items():
        cells = "".join(f"{counts[label]['images']:13,}{counts[label]['videos']:8,}" for label in CLASS_NAMES)
        lines.append(f"{split:5} {cells}{counts['identities']:8,}")
    if summary["width_px"]:
        spreads = (f"{name} {spread['least']}–{spread['median']}–{spread['largest']} px" for name, spread in (
            ("width", summary["width_px"]), ("height", summary["height_px"])))  # fmt: skip
        lines.append(f"least–median–largest: {', '.join(spreads)}")
    lines += [f"cannot be read: {file}" for file in summary["unreadable"][:_LISTED]]
    lines += _more(len(summary["unreadable"]))
    for kind, count in summary["leak_counts"].items():
        of_kind = [leak for leak in found.leaks if leak.kind == kind]
        lines += [f"{kind:15}{' × '.join(leak.splits):13}{_what(leak)}" for leak in of_kind[:_LISTED]] + _more(count)
    if not found.leaks:
        near = summary["near_duplicates"]
        lines.append(
            "nothing is in two splits: no video, no person, no picture (hashes that differ in at most "
            f"{near['most_bits_of_64']} bits of 64, thumbnails that correlate by {near['least_correlation']} or more)"
        )
    return "\n".join(lines)


def _more(count: int) -> list[str]:
    return [f"... and {count - _LISTED:,} more"] if count > _LISTED else []


def _what(leak: Leak) -> str:
    distance = "" if leak.bits is None else f"{leak.bits} bits: "
    return f"{leak.name}{': ' if leak.name else ''}{distance}{leak.files[0]}  {leak.files[1]}"


def open_folder(out: Path) -> Path:
    """The folder, which is there and can be written, so that nobody waits for an audit that cannot be kept.

    Raises:
        OutputError: it cannot be.
    """
    with _writing(out):
        out.mkdir(parents=True, exist_ok=True)
        (out / AUDIT_FILE).touch()
    return out


@contextlib.contextmanager
def _writing(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"{out} cannot be written: {error.strerror}. Pass --out with another folder.") from error


def write_audit(found: Audit, data: Path, out: Path) -> Path:
    """Writes the JSON file, whose path it returns, and, where something leaks, the picture.

    Raises:
        OutputError: the folder cannot be written.
    """
    with _writing(out):
        path = out / AUDIT_FILE
        path.write_text(json.dumps(found.summary, indent=2) + "\n", encoding="utf-8")
        (out / LEAKS_FILE).unlink(missing_ok=True)
        if found.leaks:
            _, png = cv2.imencode(".png", _picture(data, found.leaks))
            (out / LEAKS_FILE).write_bytes(png.tobytes())
    return path


def _picture(data: Path, leaks: tuple[Leak, ...]) -> Frame:
    """The pairs side by side, those that look alike first, three pairs to a row."""
    shown = sorted(leaks, key=lambda leak: leak.bits is None)[:_SHOWN]
    pairs = [_pair(data, leak) for leak in shown]
    columns = min(_COLUMNS, len(pairs))
    pairs += [np.full_like(pairs[0], 255)] * (-len(pairs) % columns)
    page: Frame = np.vstack([np.hstack(pairs[at : at + columns]) for at in range(0, len(pairs), columns)])
    return page


def _pair(data: Path, leak: Leak) -> Frame:
    """Both images over their names and what ties them."""
    page = np.full((_TILE_PX + _CAPTION_PX, 2 * _TILE_PX, 3), 255, np.uint8)
    for side, file in enumerate(leak.files):
        image = cv2.imread(str(data / file))
        if image is not None:
            scale = (_TILE_PX - 6) / max(image.shape)
            size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
            image = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
            left = side * _TILE_PX + 3
            page[3 : 3 + size[1], left : left + size[0]] = image
    tie = f"{leak.kind} {leak.name}" if leak.bits is None else f"{leak.bits} bits of 64 differ"
    for line, text in enumerate((tie, *leak.files)):
        at = (4, _TILE_PX + (line + 1) * _LINE_PX)
        # OpenCV's letters are those of ASCII
        cv2.putText(page, ascii(text)[1:-1][-52:], at, cv2.FONT_HERSHEY_SIMPLEX, 0.35, (40, 40, 40), 1, cv2.LINE_AA)
    return page
