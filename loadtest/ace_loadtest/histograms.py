"""Latencies as HdrHistograms: three digits, exact to merge, and read by the tools of that format."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogWriter

from .samples import Floats

_LARGEST_US: Final = 3_600_000_000  # an hour
_DIGITS: Final = 3
_EXACT_BITS: Final = 11  # below 2 ** 11 µs three digits are exact; above, the lower bits are those that do not count


def histogram(latencies_ms: Floats) -> HdrHistogram:
    """The latencies in µs, from 1 µs to an hour; what is beyond counts as that."""
    found = HdrHistogram(1, _LARGEST_US, _DIGITS)
    if latencies_ms.size:
        values_us = np.clip(np.rint(latencies_ms * 1000), 1, _LARGEST_US).astype(np.int64)
        dropped = np.maximum(np.frexp(values_us.astype(np.float64))[1] - _EXACT_BITS, 0)
        largest = int(values_us.argmax())
        found.record_value(int(values_us[largest]))
        lowest, counts = np.unique(np.delete(values_us >> dropped << dropped, largest), return_counts=True)
        for value_us, count in zip(lowest.tolist(), counts.tolist(), strict=True):
            found.record_value(value_us, count)
    return found


def merge(histograms: Iterable[HdrHistogram]) -> HdrHistogram:
    """All of them in one: the same as that of all their latencies."""
    found = HdrHistogram(1, _LARGEST_US, _DIGITS)
    for each in histograms:
        found.add(each)
    return found


def percentile_ms(of: HdrHistogram, level: float) -> float:
    """The latency that a share of `level`, in (0, 1], is at or below, to three digits."""
    return float(of.get_value_at_percentile(level * 100)) / 1000


def write(path: Path, seconds: float, of: HdrHistogram) -> None:
    """A histogram log of one interval, that HistogramLogAnalyzer and the like read; values are µs."""
    of.set_start_time_stamp(0)
    of.set_end_time_stamp(round(seconds * 1000))
    with path.open("w", encoding="utf-8") as file:
        writer = HistogramLogWriter(file)
        writer.output_comment("Latencies in microseconds, by ace_loadtest; Interval_Max is in milliseconds.")
        writer.output_log_format_version()
        writer.output_legend()
        writer.output_interval_histogram(of, max_value_unit_ratio=1000.0)


def write_percentiles(path: Path, of: HdrHistogram) -> None:
    """Percentiles as text in ms, as HdrHistogram's plotter reads them."""
    with path.open("wb") as file:
        of.output_percentile_distribution(file, 1000.0)


def read(path: Path) -> HdrHistogram:
    """All intervals of a histogram log together."""
    lines = path.read_text(encoding="utf-8").splitlines()
    encoded = [line.rpartition(",")[2] for line in lines if line[:1].isdigit()]
    return merge(map(HdrHistogram.decode, encoded))
