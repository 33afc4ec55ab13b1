import math

import numpy as np
import pytest
from scipy import stats

from ace_loadtest.percentiles import LEVELS, Estimate, at_level, effective_size, estimates, levels_around

RUNS = 200


def covered(latencies, truth) -> float:
    """In which share of the runs the interval of p90 holds the truth."""
    found = [estimates(run, np.arange(run.size) / 10)["p90"] for run in latencies]
    return np.mean([each.low_ms <= truth <= each.high_ms for each in found])


def correlated(generator, size):
    """Latencies of which each is near the one before: their marginal distribution is exponential of mean 1."""
    normal = np.empty(size)
    normal[0] = generator.normal()
    for place, step in enumerate(generator.normal(size=size - 1) * math.sqrt(1 - 0.95**2)):
        normal[place + 1] = 0.95 * normal[place] + step
    return stats.expon.ppf(stats.norm.cdf(normal))


def test_percentiles_are_exact_and_were_measured():
    latencies_ms = np.random.default_rng(0).permutation(1000) + 0.123456

    found = estimates(latencies_ms, np.arange(1000) / 10)

    values = [found[name].value_ms for name in ("p50", "p90", "p95", "p99", "p99.9")]
    assert values == [499.123456, 899.123456, 949.123456, 989.123456, 998.123456]


@pytest.mark.parametrize("level", LEVELS.values())
@pytest.mark.parametrize("size", [10, 1_000, 100_000])
def test_the_levels_around_a_percentile_are_those_of_the_binomial_distribution(level, size):
    low, high = stats.binom.ppf([0.025, 0.975], size, level)

    assert levels_around(level, size) == (low / size or None, (high + 1) / size if high < size else None)


def test_intervals_of_independent_latencies_hold_the_truth_as_often_as_they_say():
    generator = np.random.default_rng(1)

    share = covered([generator.exponential(size=2000) for _ in range(RUNS)], -math.log(0.1))

    assert 0.92 <= share <= 1


def test_intervals_of_correlated_latencies_are_wider_and_hold_the_truth_too():
    generator = np.random.default_rng(2)
    runs = [correlated(generator, 6000) for _ in range(RUNS // 2)]

    below = (runs[0] <= -math.log(0.1)).astype(float)
    assert effective_size(below, np.arange(6000) / 10) < 6000 / 5
    assert covered(runs, -math.log(0.1)) >= 0.9


def test_independent_latencies_are_hardly_worth_less_than_they_are_many():
    below = (np.random.default_rng(3).random(30_000) < 0.9).astype(float)

    assert 15_000 < effective_size(below, np.arange(30_000) / 10) <= 30_000


def test_few_requests_have_no_upper_end_of_a_high_percentile():
    found = estimates(np.arange(1.0, 101.0), np.arange(100) / 10)

    assert found["p99.9"].value_ms == 100
    assert found["p99.9"].high_ms is None
    assert found["p50"].high_ms is not None


def test_one_latency_is_all_percentiles():
    assert estimates(np.array([7.0]), np.array([0.0]))["p50"] == Estimate(7.0, None, None)


def test_equal_latencies_have_a_percentile_without_width():
    found = estimates(np.full(1000, 20.0), np.arange(1000) / 10)

    assert found["p90"] == Estimate(20.0, 20.0, 20.0)


def test_a_level_of_all_is_the_largest():
    assert at_level(np.array([1.0, 2.0, 3.0]), 1.0) == 3.0
