import pytest

from ace_export.errors import TuneError
from ace_export.tuning.candidates import Candidate, Setting
from ace_export.tuning.choice import choose, finalists
from ace_export.tuning.measurement import Measurement, Round


def measured(batch_size: int, *images_per_s: float, p99_ms: float = 100) -> Measurement:
    """A candidate by its largest batch, with a round for each throughput."""
    candidate = Candidate(Setting(1, 1, 1, (batch_size,)), onednn=True)
    return Measurement(candidate, tuple(Round(each, (2 * p99_ms,), (p99_ms,)) for each in images_per_s))


def test_the_most_images_a_second_win_whatever_their_p99():
    few, many = measured(1, 9.0, p99_ms=10), measured(8, 10.0, p99_ms=500)

    choice = choose([few, many])

    assert choice.measurement is many
    assert choice.reason == "the most images a second, by more than 3 %"


def test_within_three_percent_of_the_most_the_lowest_p99_wins():
    near, most, far = measured(2, 9.8, p99_ms=50), measured(8, 10.0, p99_ms=500), measured(1, 9.6, p99_ms=10)

    choice = choose([far, most, near])

    assert choice.measurement is near
    assert choice.reason == (
        "the lowest p99 of the 2 within 3 % of the most images a second (10/s, 1×1 threads, batches ≤ 8, oneDNN on)"
    )


def test_what_exceeds_the_highest_p99_allowed_is_left_out_first():
    slow, quick = measured(8, 10.0, p99_ms=500), measured(1, 5.0, p99_ms=60)

    choice = choose([slow, quick], max_p99_ms=60)

    assert choice.measurement is quick
    assert "of those with a p99 within 60 ms" in choice.reason


def test_the_finalists_are_the_fastest_three():
    measured_once = [measured(size, float(size)) for size in (1, 8, 2, 4)]

    assert [one.images_per_s for one in finalists(measured_once)] == [8, 4, 2]


def test_what_exceeds_the_highest_p99_allowed_is_a_finalist_only_where_too_few_keep_within():
    slow, slower, quick = measured(8, 9.0, p99_ms=90), measured(4, 8.0, p99_ms=90), measured(1, 5.0, p99_ms=60)

    assert finalists([slow, slower, quick], max_p99_ms=60) == [quick, slow, slower]


def test_that_none_keeps_within_the_highest_p99_is_said_with_the_lowest():
    with pytest.raises(TuneError, match=r"within 20 ms; the lowest is 60 ms \(1×1 threads, batches ≤ 1"):
        choose([measured(8, 10.0, p99_ms=500), measured(1, 5.0, p99_ms=60)], max_p99_ms=20)


def test_a_gain_is_of_the_means_with_the_least_and_the_most_of_a_round():
    gain = measured(8, 12.0, 11.0).gain_over(measured(1, 10.0, 10.0))

    assert (gain.mean, gain.least, gain.most) == pytest.approx((0.15, 0.1, 0.2))
    assert str(gain) == "+15 % (+10 % to +20 %)"


def test_a_loss_is_no_gain():
    assert str(measured(8, 9.0).gain_over(measured(1, 10.0))) == "-10 % (-10 % to -10 %)"


def test_percentiles_are_of_all_rounds_together():
    rounds = (Round(1.0, (1.0, 2.0), (10.0, 20.0)), Round(1.0, (3.0,), (30.0,)))

    one = Measurement(Candidate(), rounds)

    assert (one.steady_ms(50), one.steady_ms(99), one.full_load_ms(99)) == (20.0, 30.0, 3.0)
