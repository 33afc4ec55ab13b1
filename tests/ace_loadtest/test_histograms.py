import numpy as np
import pytest

from ace_loadtest.histograms import histogram, merge, percentile_ms, read, write

LATENCIES_MS = np.random.default_rng(0).lognormal(3, 1, 20_000)


def counts(of):
    return list(of.counts)


def test_percentiles_are_right_to_three_digits():
    found = histogram(LATENCIES_MS)

    for level in (0.5, 0.9, 0.99, 0.999, 1.0):
        exact = np.percentile(LATENCIES_MS, level * 100, method="inverted_cdf")
        assert percentile_ms(found, level) == pytest.approx(exact, rel=2e-3)


def test_what_is_counted_at_once_is_what_is_counted_one_by_one():
    one_by_one = histogram(np.empty(0))
    for latency_ms in LATENCIES_MS[:2000]:
        one_by_one.record_value(round(latency_ms * 1000))

    at_once = histogram(LATENCIES_MS[:2000])

    assert counts(at_once) == counts(one_by_one)
    assert at_once.get_max_value() == one_by_one.get_max_value()


@pytest.mark.parametrize("workers", [2, 5])
def test_the_merge_of_the_workers_is_the_histogram_of_all(workers):
    parts = [histogram(LATENCIES_MS[number::workers]) for number in range(workers)]

    merged = merge(parts)

    assert counts(merged) == counts(histogram(LATENCIES_MS))
    assert merged.get_total_count() == LATENCIES_MS.size


def test_a_file_holds_the_histogram(tmp_path):
    write(tmp_path / "a.hlog", 12.0, histogram(LATENCIES_MS))

    found = read(tmp_path / "a.hlog")

    assert found.get_total_count() == LATENCIES_MS.size
    assert percentile_ms(found, 0.99) == percentile_ms(histogram(LATENCIES_MS), 0.99)


def test_what_is_beyond_an_hour_counts_as_an_hour():
    assert percentile_ms(histogram(np.array([1e9])), 1.0) == pytest.approx(3.6e6, rel=1e-3)


def test_no_latencies_are_a_histogram_too(tmp_path):
    write(tmp_path / "a.hlog", 1.0, histogram(np.empty(0)))

    assert read(tmp_path / "a.hlog").get_total_count() == 0
