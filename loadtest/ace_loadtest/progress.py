"""The line that shows, each second, how far the load has come."""

from typing import TextIO

import numpy as np

from .samples import OK, Recorder

_BAR_CELLS = 20


def show(recorder: Recorder, seconds: float, stream: TextIO) -> None:
    """Writes the line: over the last one on a terminal, below it elsewhere."""
    text = line(recorder, seconds)
    stream.write(f"\r{text}\x1b[K" if stream.isatty() else f"{text}\n")
    stream.flush()


def end(stream: TextIO) -> None:
    """Leaves the last line standing."""
    if stream.isatty():
        stream.write("\n")


def line(recorder: Recorder, seconds: float) -> str:
    """How far, how many requests, how many answers a second, their median latency in ms, and how many errors."""
    elapsed_s = min(recorder.elapsed_s(), seconds)
    cells = round(_BAR_CELLS * elapsed_s / seconds)
    latencies_ms = [sample.latency_ms for sample in recorder.samples if sample.status == OK]
    p50 = f"{np.median(latencies_ms):.0f} ms" if latencies_ms else "–"
    errors = len(recorder.samples) - len(latencies_ms)
    return (
        f"{'█' * cells:░<{_BAR_CELLS}} {elapsed_s:.0f}/{seconds:.0f} s  {len(recorder.samples):,} requests  "
        f"{len(latencies_ms) / elapsed_s:.1f}/s  p50 {p50}  {errors} errors"
    )
