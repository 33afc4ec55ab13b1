from dataclasses import replace
from statistics import NormalDist

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
    return Scored(tuple(map(str, range(300))), fake, prob, video, np.array([""] * 300, object), one_each(video))


def one_each(person: np.ndarray) -> np.ndarray:
    """The people of rows with one of them each."""
    return np.stack([person, person], axis=1)


def test_all_resamples_at_once_have_scikit_learns_figures_of_each(rows):
    weights = np.random.default_rng(4).integers(0, 4, (5, len(rows))).astype(float)
    weights[0] = 1

    found = resampled(rows, 0.6, weights)

    for sample, counts in enumerate(weights.astype(int)):
        repeated = np.repeat(np.arange(len(rows)), counts)
        names = ("",) * len(repeated)
        columns = (
            rows.fake[repeated],
            rows.prob_fake[repeated],
            repeated,
            rows.manipulation[repeated],
            one_each(repeated),
        )
        again = Scored(names, *columns)
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
    each = np.arange(len(rows))
    apart = replace(rows, video=each, people=one_each(each))

    (low, high), (low_apart, high_apart) = (intervals(each, 0.6)["auc"] for each in (rows, apart))

    assert high - low > 1.5 * (high_apart - low_apart)


def of_people(rng: np.random.Generator, *, swapped: bool = False) -> Scored:
    """24 people, each with a real video and four fakes, of whom a detector is as sure as it is of the person.

    Where they are `swapped`, each fake is of another one too, of whom it is as sure.
    """
    person = np.repeat(np.arange(24), 5)
    video = np.arange(120)
    fake = video % 5 > 0
    other = np.where(fake & swapped, (person + rng.integers(1, 24, 120)) % 24, person)
    sure = rng.normal(0, 1, 24)
    logit = np.where(fake, 1.0, -1.0) + np.where(other == person, sure[person], (sure[person] + sure[other]) / 2**0.5)
    prob = 1 / (1 + np.exp(-logit - rng.normal(0, 0.5, 120)))
    return Scored(
        tuple(map(str, video)), fake, prob, video, np.array([""] * 120, object), np.stack([person, other], axis=1)
    )


@pytest.mark.parametrize("swapped", [False, True])
def test_intervals_hold_the_truth_about_as_often_as_they_say_where_people_are_in_several_videos(swapped):
    rng = np.random.default_rng(8)
    truth = NormalDist().cdf(1 / 1.25**0.5)  # of a new person's fakes called fake

    found = [intervals(of_people(rng, swapped=swapped), 0.5)["true_positive_rate"] for _ in range(50)]

    assert np.mean([low <= truth <= high for low, high in found]) >= 0.88


def test_where_a_class_is_of_one_person_videos_are_drawn():
    rows = of_people(np.random.default_rng(9))
    unknown = intervals(replace(rows, people=one_each(rows.video)), 0.5)

    assert intervals(replace(rows, people=np.zeros((120, 2), int)), 0.5) == unknown
    assert intervals(replace(rows, people=one_each(np.where(rows.fake, -1, rows.video))), 0.5) == unknown


def test_no_resample_lacks_a_class():
    rows = of_people(np.random.default_rng(10))
    few_real = rows.where(
        rows.fake | (rows.people[:, 0] < 2)
    )  # of 24 people: an eighth of resamples would have neither

    assert all(np.isfinite(interval).all() for interval in intervals(few_real, 0.5).values())


def test_a_class_with_a_single_video_has_no_intervals(rows):
    assert set(intervals(rows.where(~rows.fake | (rows.video == 1)), 0.6).values()) == {None}


def test_a_single_class_has_the_intervals_of_its_figures(rows):
    found = intervals(rows.where(~rows.fake), 0.6)

    assert found["auc"] is None
    assert found["true_negative_rate"] is not None
