import numpy as np
import pytest
from scipy import stats

from ace_loadtest.arrivals import MAX_ARRIVALS, Profile, constant, draw, ramp, read_trace, share, spike, steps
from ace_loadtest.errors import BadTrace
from ace_loadtest.samples import made

PROFILES = {
    "constant": constant(200, 50),
    "ramp": ramp(0, 400, 50),
    "ramp down": ramp(400, 0, 50),
    "steps": steps((100, 0, 300), 60),
    "spike": spike(100, 1000, 50),
}


def cumulated(profile: Profile, times_s):
    """Λ(t), by numerical integration."""
    grid = np.linspace(0, profile.seconds, 200_001)
    total = np.concatenate([[0], np.cumsum((profile.rate(grid)[1:] + profile.rate(grid)[:-1]) / 2 * np.diff(grid))])
    return np.interp(times_s, grid, total)


def test_the_same_seed_draws_the_same_and_another_one_another():
    first, again, other = (draw(PROFILES["ramp"], seed=seed) for seed in (1, 1, 2))

    assert np.array_equal(first, again)
    assert not np.array_equal(first[:100], other[:100])


def test_gaps_between_poisson_arrivals_are_exponential():
    gaps_s = np.diff(draw(constant(200, 100), seed=3))

    assert stats.kstest(gaps_s, "expon", args=(0, 1 / 200)).pvalue > 0.01


@pytest.mark.parametrize("name", PROFILES)
def test_poisson_arrivals_follow_the_rate_over_time(name):
    profile = PROFILES[name]
    arrivals = draw(profile, seed=5)

    counts = cumulated(profile, arrivals)  # uniform, where Λ is that of the arrivals
    assert stats.kstest(counts / cumulated(profile, profile.seconds), "uniform").pvalue > 0.01
    assert stats.kstest(np.diff(counts), "expon").pvalue > 0.01
    assert (np.diff(arrivals) >= 0).all()
    assert 0 <= arrivals[0] <= arrivals[-1] <= profile.seconds


def test_how_many_poisson_arrivals_there_are_is_poisson():
    counts = [draw(constant(100, 1), seed=seed).size for seed in range(400)]

    assert np.mean(counts) == pytest.approx(100, abs=2)
    assert np.var(counts) == pytest.approx(100, abs=25)


@pytest.mark.parametrize("name", PROFILES)
def test_constant_arrivals_are_as_even_as_the_rate_lets_them_be(name):
    profile = PROFILES[name]
    arrivals = draw(profile, process="constant")

    assert cumulated(profile, arrivals) == pytest.approx(
        np.arange(arrivals.size), abs=0.2
    )  # the integration is off at jumps
    assert arrivals.size == pytest.approx(profile.expected(), abs=1)


def test_shapes_have_the_rates_that_they_say():
    assert constant(5, 10).rate([0, 9]) == pytest.approx([5, 5])
    assert ramp(0, 10, 10).rate([0, 5, 10]) == pytest.approx([0, 5, 10])
    assert steps((1, 2, 3), 9).rate([0, 2.9, 3, 8.9]) == pytest.approx([1, 1, 2, 3])
    assert spike(1, 9, 10).rate([3.9, 4, 4.9, 5]) == pytest.approx([1, 9, 9, 1])


@pytest.mark.parametrize("of", [1, 2, 3])
def test_the_shares_of_some_generators_are_the_whole_and_no_more(of):
    arrivals = draw(constant(100, 10))

    parts = [share(arrivals, number, of) for number in range(of)]

    assert np.array_equal(np.sort(np.concatenate(parts)), arrivals)
    assert max(part.size for part in parts) - min(part.size for part in parts) <= 1


@pytest.mark.parametrize(
    "points",
    [
        ((0.0, 1.0),),
        ((1.0, 1.0), (2.0, 1.0)),
        ((0.0, 1.0), (5.0, 1.0), (4.0, 1.0)),
        ((0.0, -1.0), (5.0, 1.0)),
        ((0.0, 0.0), (5.0, 0.0)),
        ((0.0, MAX_ARRIVALS), (2.0, MAX_ARRIVALS)),
        ((0.0, 1.0), (float("inf"), 1.0)),
        ((0.0, float("nan")), (1.0, 1.0)),
    ],
)
def test_what_is_no_rate_over_time_is_refused(points):
    with pytest.raises(ValueError, match=r"rate|requests"):
        Profile(points)


def test_a_trace_is_a_time_a_line_in_any_order_from_its_first_on(tmp_path):
    (tmp_path / "trace").write_text("12.5\n10.0\n\n11.0\n")

    assert read_trace(tmp_path / "trace").tolist() == [0.0, 1.0, 2.5]
    assert read_trace(tmp_path / "trace", speed=2).tolist() == [0.0, 0.5, 1.25]


def test_the_samples_of_a_load_test_are_a_trace(tmp_path):
    made([9.0, 9.0, 9.0], every_s=0.5).write_csv(tmp_path / "samples.csv")

    assert read_trace(tmp_path / "samples.csv").tolist() == [0.0, 0.5, 1.0]


@pytest.mark.parametrize("text", ["", "time\n", "1.0\nsoon\n", "nan\n", "1.0\ninf\n"])
def test_what_is_no_trace_is_said(text, tmp_path):
    (tmp_path / "trace").write_text(text)

    with pytest.raises(BadTrace, match="trace"):
        read_trace(tmp_path / "trace")


def test_a_trace_that_is_not_there_is_said(tmp_path):
    with pytest.raises(BadTrace, match="cannot read the trace"):
        read_trace(tmp_path / "gone")
