import numpy as np
import pytest

from ace_training.evaluation.calibration import calibrate, choose_threshold, fit_temperature, video_shares
from ace_training.evaluation.scored import Scored, probability


def half_way(low: float, high: float) -> float:
    """Between two probabilities, as logits."""
    odds = np.sqrt(low / (1 - low) * high / (1 - high))
    return odds / (1 + odds)


def threshold(real: list[float], fake: list[float], target_fpr: float, video: list[int] | None = None) -> float:
    videos = np.arange(len(real)) if video is None else np.array(video)
    return choose_threshold(np.array(real), video_shares(videos), np.array([*real, *fake]), target_fpr)


def test_the_temperature_undoes_a_factor_on_the_logits():
    fake = np.arange(2000) % 1000 < 731  # of those at logit 1, as a calibrated detector would have it: sigmoid(1)
    logits = np.where(np.arange(2000) < 1000, 3.0, -3.0)
    fake[1000:] = ~fake[1000:]

    assert fit_temperature(fake, logits) == pytest.approx(3 / np.log(0.731 / 0.269))


def test_a_detector_that_is_unsure_is_made_surer():
    assert fit_temperature(np.array([True, True, True, False] * 2), np.array([0.1] * 4 + [0.2] * 4)) < 1


def test_the_temperature_stays_where_nothing_is_on_the_wrong_side():
    assert fit_temperature(np.array([False, True]), np.array([-0.1, 7.0])) == 1


def test_the_temperature_is_bounded_where_answers_are_the_wrong_way_round():
    assert fit_temperature(np.array([True, False, True]), np.array([-5.0, 5.0, 1.0])) == pytest.approx(20)


def test_as_many_videos_are_called_fake_as_the_target_allows():
    # 4 real videos, half of 5 may be: 2.5, of which the next video counts as 1. So one may be, and two may not.
    assert threshold([0.1, 0.2, 0.3, 0.4], [0.35, 0.9], 0.5) == pytest.approx(half_way(0.3, 0.35))


def test_with_too_few_videos_for_the_target_no_real_one_is_called_fake():
    assert threshold([0.1, 0.4], [0.3, 0.9], 0.01) == pytest.approx(half_way(0.4, 0.9))
    assert 0.4 < threshold([0.1, 0.4], [0.3], 0.01) < 0.401


def test_a_videos_frames_count_as_one_video_together():
    # 3 videos, 2 of 4 may be called fake, the next one is the second: one whole video, or two halves.
    assert threshold([0.9, 0.1, 0.8, 0.1, 0.2], [0.95], 0.5, video=[0, 0, 1, 1, 2]) == pytest.approx(half_way(0.2, 0.8))
    assert threshold([0.9, 0.8, 0.7, 0.1, 0.2], [0.95], 0.5, video=[0, 0, 1, 1, 2]) == pytest.approx(half_way(0.7, 0.8))


def test_the_promised_rate_holds_on_videos_that_were_not_seen():
    rng = np.random.default_rng(5)
    rates = []
    for _ in range(400):
        video = np.repeat(np.arange(29), 3)
        scores = probability(rng.normal(0, 2, 29)[video] + rng.normal(0, 1, len(video)))
        chosen = choose_threshold(scores, video_shares(video), scores, 0.1)
        new = probability(rng.normal(0, 2, 500) + rng.normal(0, 1, 500))
        rates.append((new >= chosen).mean())

    assert 0.05 < np.mean(rates) <= 0.1


def test_the_threshold_is_of_probabilities_after_the_temperature():
    logits = np.array([-4.0, -2.0, 3.0, 2.0, 4.0, 8.0])
    fake = np.array([False, False, False, True, True, True])
    rows = Scored(
        tuple("abcdef"), fake, probability(logits), np.arange(6), np.array([""] * 6, object), np.zeros((6, 2), int)
    )

    found = calibrate(rows, logits, target_fpr=0.01)

    assert found.temperature != 1
    assert found.threshold == pytest.approx(float(probability(np.array(3.5), found.temperature)))
    assert found.log_loss_after < found.log_loss_before
    assert (found.vouched_fpr, found.real_videos) == (1 / 4, 3)
    assert (found.false_positive_rate, found.true_positive_rate) == pytest.approx((0, 2 / 3))
