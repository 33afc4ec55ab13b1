"""Many images on one page, real ones framed in green and fakes in red, for a person to judge."""

from pathlib import Path
from typing import Final

import cv2
import numpy as np

from ace_client.contract import FAKE, REAL

from .camera import Frame

SIDE: Final = 8  # images down and across
TILE_PX: Final = 160
_FRAME_PX: Final = 3
_FRAME_COLOURS: Final = {REAL: (60, 160, 60), FAKE: (60, 60, 210)}  # BGR


def write_contact_sheet(folder: Path, sheet: Path, *, seed: int) -> None:
    """Writes a PNG of 8 × 8 images of the set in the folder, real and fake by turns; gaps where they run out."""
    rng = np.random.default_rng(seed)
    waiting = {}
    for label in (REAL, FAKE):
        files = sorted(folder.glob(f"*/{label}/**/*.jpg"))
        waiting[label] = [files[at] for at in rng.permutation(len(files))]
    page = np.full((SIDE * TILE_PX, SIDE * TILE_PX, 3), 255, np.uint8)
    for row in range(SIDE):
        for column in range(SIDE):
            label = FAKE if (row + column) % 2 else REAL
            if waiting[label]:
                y, x = row * TILE_PX, column * TILE_PX
                page[y : y + TILE_PX, x : x + TILE_PX] = _tile(waiting[label].pop(), label)
    cv2.imwrite(str(sheet), page)


def _tile(file: Path, label: str) -> Frame:
    inner = TILE_PX - 2 * _FRAME_PX
    image = cv2.resize(cv2.imread(str(file)), (inner, inner), interpolation=cv2.INTER_AREA)
    frame = (_FRAME_PX,) * 4
    tile: Frame = cv2.copyMakeBorder(image, *frame, cv2.BORDER_CONSTANT, value=_FRAME_COLOURS[label])
    return tile
