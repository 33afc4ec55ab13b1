"""The line that shows, each second, how far the load has come."""

from typing import TextIO

import numpy as np

from .samples import Recorder

_BAR_CELLS = 20
_LATEST = 10_000  # requests that the median is of


def show(recorder: Recorder, elapsed_s: float, seconds: float, stream: TextIO) -> None:
    """Writes the line: over the last one on a terminal, below it elsewhere."""
    text = line(recorder, elapsed_s, seconds)
    stream.write(f"\r{text}\x1b[K" if stream.isatty() else f"{text}\n")
    stream.flush()


def end(stream: TextIO) -> None:
    """Leaves the last line standing."""
    if stream.isatty():
        stream.write("\n")


def line(recorder: Recorder, elapsed_s: float, seconds: float) -> str:
    """How far, how many requests, how many answers a second, the latest ones' median in ms, and how many errors."""
    elapsed_s = min(elapsed_s, seconds)
    cells = round(_BAR_CELLS * elapsed_s / seconds)
    latest = recorder.samples(max(len(recorder) - _LATEST, 0))
    latencies_ms = latest[latest.ok].latency_ms()
    p50 = f"{np.median(latencies_ms):.0f} ms" if latencies_ms.size else "–"
    rate = recorder.ok / elapsed_s if elapsed_s else 0.0
    return (
        f"{'█' * cells:░<{_BAR_CELLS}} {elapsed_s:.0f}/{seconds:.0f} s  {len(recorder):,} requests  "
        f"{rate:.1f}/s  p50 {p50}  {len(recorder) - recorder.ok} errors"
    )
