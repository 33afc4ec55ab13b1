import numpy as np
import pytest

from ace_loadtest.samples import BAD_IMAGE, OK, Sample
from ace_loadtest.summary import Summary, latency_figures, summarize


def test_figures_are_these():
    samples = [
        Sample(0.0, 10.0, OK, 1),
        Sample(0.5, 30.0, OK, 2),
        Sample(1.0, 20.0, OK, 2),
        Sample(1.5, 0.1, "UNAVAILABLE", None),
        Sample(1.9, 5.0, BAD_IMAGE, 2),
    ]

    assert summarize(samples, 2.0) == Summary(
        requests=5,
        answered=3,
        errors={"BAD_IMAGE": 1, "UNAVAILABLE": 1},
        versions={"1": 1, "2": 3},
        duration_s=2.0,
        offered_per_s=2.5,
        achieved_per_s=1.5,
        latency_ms={"p50": 20.0, "p90": 30.0, "p95": 30.0, "p99": 30.0, "max": 30.0, "mean": 20.0},
    )


def test_a_run_without_an_answer_has_no_latencies():
    summary = summarize([Sample(0.0, 0.1, "UNAVAILABLE", None)], 1.0)

    assert (summary.answered, summary.achieved_per_s, summary.latency_ms) == (0, 0.0, {})


def test_percentiles_are_exact_and_were_measured():
    latencies_ms = np.random.default_rng(0).permutation(1000) + 0.123456

    figures = latency_figures(latencies_ms)

    assert [figures[name] for name in ("p50", "p90", "p95", "p99", "max")] == [
        499.123456,
        899.123456,
        949.123456,
        989.123456,
        999.123456,
    ]
    assert figures["mean"] == pytest.approx(499.623456)
