"""Images with their scores on one page, the likeliest fakes first, for a person to judge. Needs Pillow."""

import heapq
import math
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ace_client.contract import FAKE, REAL

from .errors import CommandError
from .rows import Row
from .tally import Tally

if TYPE_CHECKING:  # else only once a sheet is drawn
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

TILES: Final = 200
"""So many images are shown at most; what a page of more is, nobody looks at."""

_COLUMNS: Final = 10
_IMAGE_PX: Final = 160
_FRAME_PX: Final = 4
_CAPTION_PX: Final = 40
_GAP_PX: Final = 8
_HEAD_PX: Final = 36
_PAGE_COLOUR: Final = "white"
_TEXT_COLOUR: Final = "#222222"
_COLOURS: Final = {REAL: "#2e8b3d", FAKE: "#c62828", None: "#8a8a8a"}


class Sheet:
    """The rows that a page has place for: the highest scores, then what could not be read."""

    def __init__(self, path: Path) -> None:
        """Where the page will be written, as PNG.

        Raises:
            CommandError: Pillow is not installed, or the page cannot be written there.
        """
        if find_spec("PIL") is None:
            raise CommandError("A sheet needs Pillow, which is not installed: pip install 'ace-detector[sheet]'.")
        if not path.parent.is_dir() or path.is_dir():
            raise CommandError(f"The sheet {path} cannot be written: name a file in a folder that is there.")
        self.path = path
        self._best: list[tuple[float, int, Row]] = []
        self._count = 0

    def add(self, row: Row) -> None:
        """Considers a row."""
        score = -1.0 if row.prob_fake is None else row.prob_fake
        self._count += 1
        entry = score, -self._count, row  # of two with one score the earlier is better
        if len(self._best) < TILES:
            heapq.heappush(self._best, entry)
        else:
            heapq.heappushpop(self._best, entry)

    def write(self, tally: Tally) -> None:
        """Draws the page.

        Raises:
            CommandError: it cannot be written.
        """
        rows = [row for _, _, row in sorted(self._best, reverse=True)]
        try:
            page(rows, tally).save(self.path, "PNG")
        except OSError as error:
            raise CommandError(f"The sheet {self.path} cannot be written: {error.strerror}.") from error


def page(rows: list[Row], tally: Tally) -> "Image":
    """The rows' images, framed in the colour of their label, with score and name; above them what the tally counts."""
    from PIL import Image, ImageDraw

    columns = max(min(_COLUMNS, math.ceil(math.sqrt(len(rows)))), 3)  # 3 have place for the line above
    step_x, step_y = _IMAGE_PX + _GAP_PX, _IMAGE_PX + _CAPTION_PX + _GAP_PX
    lines = math.ceil(len(rows) / columns)
    drawn = Image.new("RGB", (columns * step_x + _GAP_PX, _HEAD_PX + lines * step_y + _GAP_PX), _PAGE_COLOUR)
    draw = ImageDraw.Draw(drawn)
    _text(draw, (_GAP_PX, 10), heading(tally, len(rows)), 15)
    for place, row in enumerate(rows):
        at = _GAP_PX + place % columns * step_x, _HEAD_PX + place // columns * step_y
        _draw_tile(drawn, draw, row, at)
    return drawn


def heading(tally: Tally, shown: int) -> str:
    """What stands above the images."""
    counts = f"{tally.images:,} images: {tally.fakes:,} fake" + (
        f", {tally.unread:,} unreadable" if tally.unread else ""
    )
    return counts if shown == tally.images else f"{counts}. The {shown:,} highest scores:"


def _draw_tile(drawn: "Image", draw: "ImageDraw", row: Row, at: tuple[int, int]) -> None:
    x, y = at
    colour = _COLOURS.get(row.label, _COLOURS[None])
    draw.rectangle((x, y, x + _IMAGE_PX - 1, y + _IMAGE_PX - 1), outline=colour, width=_FRAME_PX)
    inner = _IMAGE_PX - 2 * _FRAME_PX
    image = None if row.error else _thumbnail(row.file, inner)
    if image:
        drawn.paste(image, (x + (_IMAGE_PX - image.width) // 2, y + (_IMAGE_PX - image.height) // 2))
    else:
        _write_reason(draw, row.error or "no preview", (x + 2 * _FRAME_PX, y + 2 * _FRAME_PX))
    score = "unreadable" if row.prob_fake is None else f"{row.prob_fake:.3f} {row.label}"
    _text(draw, (x, y + _IMAGE_PX + 3), score, 15, colour)
    _text(draw, (x, y + _IMAGE_PX + 22), _ending(draw, row.file), 12)


def _thumbnail(file: str, side_px: int) -> "Image | None":
    """The image as it is shown, within a square; None where Pillow does not read it."""
    from PIL import Image, ImageOps

    try:
        with Image.open(file) as image:
            image.draft("RGB", (2 * side_px, 2 * side_px))  # a JPEG is decoded no larger than needed
            upright = ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):  # SyntaxError: a PNG that is broken
        return None
    return ImageOps.contain(upright, (side_px, side_px))


def _write_reason(draw: "ImageDraw", reason: str, at: tuple[int, int]) -> None:
    """The reason, broken into the lines that a tile has place for."""
    lines, line = [], ""
    for word in reason.split():
        if line and draw.textlength(f"{line} {word}", font_size=12) > _IMAGE_PX - 4 * _FRAME_PX:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    for number, each in enumerate([*lines, line][:9]):
        _text(draw, (at[0], at[1] + 16 * number), _ending(draw, each, _IMAGE_PX - 4 * _FRAME_PX), 12)


def _ending(draw: "ImageDraw", text: str, width_px: int = _IMAGE_PX) -> str:
    """The text, without as much of its beginning as is too long."""
    start = 0
    while draw.textlength(("..." if start else "") + text[start:], font_size=12) > width_px:
        start += 1
    return ("..." if start else "") + text[start:]


def _text(draw: "ImageDraw", at: tuple[int, int], text: str, size: int, colour: str = _TEXT_COLOUR) -> None:
    draw.text(at, text, colour, font_size=size)
