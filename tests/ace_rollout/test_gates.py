"""What gates say of evidence, by numbers worked by hand; and how often the sequential ones are wrong, by simulation."""

import math

import numpy as np
import pytest

from ace_client import Verdict
from ace_rollout.gates import Asked, judge, stability_index, wilson_low
from ace_rollout.policy import Gates
from ace_rollout.probing import Evidence, Image, Pair, Reply, p99_s
from ace_rollout.sequential import evidence_against


def reply(prob_fake: float | None, seconds: float = 0.01) -> Reply:
    """An answer, or for None a call that failed."""
    if prob_fake is None:
        return Reply(None, "INTERNAL", seconds)
    return Reply([Verdict(prob_fake, "fake" if prob_fake >= 0.5 else "real", 1)], "", seconds)


def evidence_of(*pairs: tuple[Reply, Reply]) -> Evidence:
    found = Evidence(Gates())
    for number, (stable, canary) in enumerate(pairs):
        found.add(Pair([str(number)], stable, canary))
    return found


def verdicts(evidence: Evidence, asked: Asked | None = None) -> dict[str, bool | None]:
    return {finding.gate: finding.passed for finding in judge(Gates(), evidence, asked or Asked([], 0.0))}


SCORES = np.random.default_rng(7).uniform(size=200)


def test_an_identical_canary_passes_every_gate():
    evidence = evidence_of(*((reply(score), reply(score)) for score in SCORES))

    found = verdicts(evidence, Asked([Image("0", b"", (float(SCORES[0]),))], 1e-3))

    assert found == dict.fromkeys(("golden", "changed_labels", "delta", "drift", "errors", "latency", "p99"), True)


def test_there_is_no_verdict_on_too_little():
    assert set(verdicts(evidence_of((reply(0.1), reply(0.9)))).values()) == {None}


def test_a_shifted_canary_fails_by_labels_delta_and_drift():
    found = verdicts(evidence_of(*((reply(score), reply(min(score + 0.3, 1.0))) for score in SCORES)))

    assert (found["changed_labels"], found["delta"], found["drift"], found["errors"]) == (False, False, False, True)


def test_one_class_always_fails():
    assert verdicts(evidence_of(*((reply(score), reply(0.99)) for score in SCORES)))["drift"] is False


def test_a_golden_answer_that_is_off_fails():
    evidence = evidence_of((reply(0.5), reply(0.503)))

    assert verdicts(evidence, Asked([Image("0", b"", (0.5,))], 1e-3))["golden"] is False
    assert verdicts(evidence, Asked([Image("0", b"", (0.5,))], 5e-3))["golden"] is True
    assert verdicts(evidence, Asked([Image("0", b"", (None,))], 5e-3))["golden"] is False


def test_an_image_that_only_the_canary_refuses_is_as_far_off_as_can_be():
    refused = Reply([Verdict(math.nan, "", 2, "no image")], "", 0.01)

    findings = judge(Gates(), evidence_of(*[(reply(0.5), refused)] * 60), Asked([], 0.0))
    delta = next(finding for finding in findings if finding.gate == "delta")

    assert delta.figures["max"] == 1.0
    assert delta.passed is False


def test_calls_that_fail_at_both_are_nobodys_fault():
    assert verdicts(evidence_of(*[(reply(None), reply(None))] * 200))["errors"] is True


def test_calls_that_fail_at_the_canary_alone_fail_it():
    assert verdicts(evidence_of(*[(reply(0.5), reply(None))] * 20))["errors"] is False


def test_a_canary_three_times_slower_fails_once_there_are_pairs_enough():
    pairs = [(reply(0.5, 0.010), reply(0.5, 0.030))] * 20

    assert verdicts(evidence_of(*pairs[:19]))["latency"] is None
    assert verdicts(evidence_of(*pairs))["latency"] is False


def test_a_canary_a_little_slower_is_let_pass_however_long_one_looks():
    assert verdicts(evidence_of(*[(reply(0.5, 0.010), reply(0.5, 0.012))] * 2000))["latency"] is True


def test_calls_that_fail_are_not_compared_by_their_times():
    """A stable server that restarts refuses at once, and the canary's answers are not slow for that."""
    found = verdicts(evidence_of(*[(reply(None, 0.001), reply(0.5, 0.030))] * 20))

    assert (found["latency"], found["errors"]) == (None, True)


def test_a_canary_with_a_longer_tail_alone_fails_by_p99():
    usual = (reply(0.5, 0.010), reply(0.5, 0.010))
    late = (reply(0.5, 0.010), reply(0.5, 0.030))

    found = verdicts(evidence_of(*[usual] * 100, *[*[usual] * 19, late] * 15))

    assert (found["latency"], found["p99"]) == (True, False)


def test_p99_is_the_smallest_that_99_of_100_do_not_exceed():
    assert p99_s([float(second) for second in range(1, 101)]) == 99
    assert p99_s([float(second) for second in range(1, 201)]) == 198
    assert p99_s([5.0]) == 5


def test_wilsons_interval_is_the_published_one():
    # 10 of 100, one-sided 95 %: (0.1 + z²/200 - z √(0.09/100 + z²/40000)) / (1 + z²/100), z = 1.645
    assert wilson_low(10, 100) == pytest.approx(0.06072, abs=1e-5)
    assert wilson_low(0, 0) == 0


def test_the_stability_index_of_equal_scores_is_0_and_of_moved_ones_large():
    assert stability_index(SCORES, SCORES) == 0
    assert stability_index(SCORES, SCORES**4) > 0.25


@pytest.mark.parametrize(
    ("worse", "better", "expected"), [(0, 0, 1), (1, 0, 1.5), (0, 1, 0.5), (9, 0, 102.3), (1, 1, 4 / 6)]
)
def test_the_evidence_is_the_averaged_likelihood_ratio(worse, better, expected):
    # (1, 1): ∫ 2 p (1 - p) dp over [1/2, 1] is 1/6, and over (1/2)² is 4/6
    assert evidence_against(worse, better) == pytest.approx(expected)


def test_the_evidence_is_that_of_whole_numbers_however_many_there_are():
    for worse, better in ((3, 40), (60, 40), (500, 480)):
        n = worse + better
        exact = sum(math.comb(n + 1, j) for j in range(worse + 1)) / ((n + 1) * math.comb(n, worse))
        assert evidence_against(worse, better) == pytest.approx(exact)


def first_alarm(rng: np.random.Generator, stable: float, canary: float, pairs: int, limit: float) -> int | None:
    """After how many pairs a canary with these error rates is found to be worse, looked at after each."""
    fails = rng.random((pairs, 2)) < (stable, canary)
    worse = better = 0
    for number, (at_stable, at_canary) in enumerate(fails):
        if at_stable != at_canary:
            worse, better = worse + at_canary, better + at_stable
            if evidence_against(int(worse), int(better)) >= limit:
                return number
    return None


def test_an_equal_canary_is_wrongly_failed_in_less_than_one_rollout_of_a_hundred():
    rng = np.random.default_rng(1)

    alarms = [first_alarm(rng, 0.02, 0.02, 600, limit=1000) for _ in range(200)]

    assert sum(alarm is not None for alarm in alarms) <= 1


def test_an_error_rate_of_two_in_a_hundred_is_found():
    rng = np.random.default_rng(2)

    alarms = [first_alarm(rng, 0.0, 0.02, 2400, limit=1000) for _ in range(100)]

    assert sum(alarm is not None for alarm in alarms) >= 99
