"""The line on a terminal that shows how far the images have come, how fast, and how long the rest will take."""

import shutil
import time
from typing import Final, TextIO

from .tally import Tally

_BAR_CELLS: Final = 20
_PERIOD_S: Final = 0.1


class Progress:
    """The line, redrawn over itself; nothing where there is no stream."""

    def __init__(self, stream: TextIO | None, total: int | None, tally: Tally) -> None:
        """`total` is how many images there will be, None where nobody knows; `tally` counts those that are done."""
        self._stream = stream
        self._total = total
        self._tally = tally
        self._start_s = time.monotonic()
        self._due_s = self._start_s

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        """Leaves the last line standing."""
        if self._stream:
            self._draw(self._stream, "\n")

    def show(self) -> None:
        """Draws the line, at most ten times a second."""
        if self._stream and time.monotonic() >= self._due_s:
            self._draw(self._stream, "")

    def _draw(self, stream: TextIO, end: str) -> None:
        now_s = time.monotonic()
        self._due_s = now_s + _PERIOD_S
        text = line(self._tally, self._total, now_s - self._start_s)
        stream.write(f"\r{text[: shutil.get_terminal_size().columns - 1]}\x1b[K{end}")
        stream.flush()


def line(tally: Tally, total: int | None, elapsed_s: float) -> str:
    """What is shown after so many seconds."""
    rate = tally.asked / elapsed_s if elapsed_s > 0 else 0.0
    parts = [f"{tally.images:,} images" if total is None else _bar(tally.images, total), f"{rate:,.1f}/s"]
    if total is not None and rate:
        parts.append(f"{_duration(max(total - tally.images, 0) / rate)} left")
    if tally.fakes:
        parts.append(f"{tally.fakes:,} fake")
    if tally.unread:
        parts.append(f"{tally.unread:,} unreadable")
    return "  ".join(parts)


def _bar(done: int, total: int) -> str:
    cells = min(_BAR_CELLS * done // max(total, 1), _BAR_CELLS)
    return f"{'█' * cells:░<{_BAR_CELLS}} {done:,}/{total:,}"


def _duration(seconds: float) -> str:
    minutes, rest_s = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest_s:02}" if hours else f"{minutes}:{rest_s:02}"
