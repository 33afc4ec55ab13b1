import numpy as np
import pytest

from ace_training.evaluation.figures import TITLES, figures
from ace_training.evaluation.intervals import intervals, resampled
from ace_training.evaluation.scored import Scored


@pytest.fixture(scope="module")
def rows() -> Scored:
    """60 videos of 5 frames, with ties, neither easy nor hopeless."""
    rng = np.random.default_rng(3)
    video = np.repeat(np.arange(60), 5)
    fake = video % 2 == 1
    logit = fake * 1.0 + rng.normal(0, 1, 60)[video] + rng.normal(0, 0.3, 300)
    prob = np.round(1 / (1 + np.exp(-logit)), 2)
    return Scored(tuple(map(str, range(300))), fake, prob, video, np.array([""] * 300, object))


def test_all_resamples_at_once_have_scikit_learns_figures_of_each(rows):
    weights = np.random.default_rng(4).integers(0, 4, (5, len(rows))).astype(float)
    weights[0] = 1

    found = resampled(rows, 0.6, weights)

    for sample, counts in enumerate(weights.astype(int)):
        repeated = np.repeat(np.arange(len(rows)), counts)
        names = ("",) * len(repeated)
        again = Scored(names, rows.fake[repeated], rows.prob_fake[repeated], repeated, rows.manipulation[repeated])
        expected = figures(again, 0.6)
        assert {name: found[name][sample] for name in TITLES} == pytest.approx(expected), sample


def test_intervals_hold_the_figures_and_come_out_the_same_again(rows):
    found = intervals(rows, 0.6)

    assert found == intervals(rows, 0.6)
    for name, value in figures(rows, 0.6).items():
        low, high = found[name]
        assert low < high, name
        if name != "ece":  # which grows with any noise, and so does a resample's
            assert low <= value <= high, name


def test_frames_of_one_video_do_not_count_as_so_many_videos(rows):
    apart = Scored(rows.names, rows.fake, rows.prob_fake, np.arange(len(rows)), rows.manipulation)

    (low, high), (low_apart, high_apart) = (intervals(each, 0.6)["auc"] for each in (rows, apart))

    assert high - low > 1.5 * (high_apart - low_apart)


def test_a_class_with_a_single_video_has_no_intervals(rows):
    assert set(intervals(rows.where(~rows.fake | (rows.video == 1)), 0.6).values()) == {None}


def test_a_single_class_has_the_intervals_of_its_figures(rows):
    found = intervals(rows.where(~rows.fake), 0.6)

    assert found["auc"] is None
    assert found["true_negative_rate"] is not None
