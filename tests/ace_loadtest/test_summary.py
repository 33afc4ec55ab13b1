from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ace_loadtest.arrivals import constant
from ace_loadtest.loads import Closed, Open
from ace_loadtest.plan import Plan, Target
from ace_loadtest.recording import Generator, Recording
from ace_loadtest.samples import BAD_IMAGE, OK, made
from ace_loadtest.summary import latency_figures, summarize

CLOSED = Plan(targets=(Target(address="a:1"),), images=Path(), load=Closed(1, 2.0))
OPEN = replace(CLOSED, load=Open(constant(10, 10), "constant"))


def recorded(samples, until_s=10.0, generators=()) -> Recording:
    return Recording(samples, until_s, generators, complete=True)


def test_figures_are_these():
    samples = made(
        [10.0, 30.0, 20.0, 0.1, 5.0],
        intended_s=[0.0, 0.5, 1.0, 1.5, 1.9],
        status=[OK, OK, OK, "UNAVAILABLE", BAD_IMAGE],
        version=[1, 2, 2, 0, 2],
    )

    summary = summarize(CLOSED, recorded(samples, until_s=2.0))

    assert (summary.requests, summary.answered) == (5, 3)
    assert summary.errors == {"BAD_IMAGE": 1, "UNAVAILABLE": 1}
    assert summary.versions == {"1": 1, "2": 3}
    assert (summary.duration_s, summary.offered_per_s, summary.achieved_per_s) == (2.0, 2.5, 1.5)
    assert summary.latency_ms == pytest.approx(
        {"p50": 20, "p90": 30, "p95": 30, "p99": 30, "p99.9": 30, "max": 30, "mean": 20}
    )
    assert summary.lateness is None
    assert summary.valid


def test_a_run_without_an_answer_has_no_latencies():
    summary = summarize(CLOSED, recorded(made([0.1], status="UNAVAILABLE"), until_s=1.0))

    assert (summary.answered, summary.achieved_per_s, summary.latency_ms) == (0, 0.0, {})


def test_a_run_without_a_request_has_figures():
    summary = summarize(OPEN, recorded(made([]), until_s=0.0))

    assert (summary.requests, summary.stable) == (0, False)


def test_the_warm_up_is_in_no_figure_and_is_said():
    latencies_ms = [500.0] * 20 + [20.0] * 80

    summary = summarize(replace(OPEN, warm_up_s=2.0), recorded(made(latencies_ms)))

    assert (summary.warm_up_requests, summary.requests) == (20, 80)
    assert summary.latency_ms["max"] == pytest.approx(20)
    assert summary.lateness.planned == 80


def test_latencies_are_from_the_intended_start_and_from_the_actual_one():
    summary = summarize(OPEN, recorded(made([50.0] * 100, late_ms=30.0)))

    assert summary.latency_ms["p50"] == pytest.approx(50)
    assert summary.sent_latency_ms["p50"] == pytest.approx(20)
    assert summary.lateness.p50_ms == pytest.approx(30)


@pytest.mark.parametrize(("late", "valid"), [(1, True), (2, False)])
def test_a_run_is_invalid_where_more_than_1_percent_was_sent_10_ms_late(late, valid):
    samples = made([50.0] * 100)
    samples.rows["sent_s"][:late] += 0.0101

    summary = summarize(OPEN, recorded(samples))

    assert (summary.lateness.late, summary.lateness.planned, summary.valid) == (late, 100, valid)
    assert valid or "sent more than 10 ms late" in summary.invalid[0]


@pytest.mark.parametrize(("sent", "valid"), [(99, True), (98, False)])
def test_a_run_is_invalid_where_more_than_1_percent_was_never_sent(sent, valid):
    summary = summarize(OPEN, recorded(made([50.0] * sent)))

    assert (summary.lateness.unsent, summary.valid) == (100 - sent, valid)


def test_a_run_is_invalid_where_more_was_sent_than_planned():
    summary = summarize(OPEN, recorded(made([50.0] * 101, every_s=0.09)))

    assert summary.invalid == ["101 requests were made where 100 were planned: a part was made twice."]


def test_what_was_to_come_after_an_interruption_is_not_missed():
    assert summarize(OPEN, recorded(made([50.0] * 50), until_s=5.0)).valid


def test_a_generator_that_was_lost_makes_a_run_invalid():
    lost = Generator(1, 0.0, "its worker was not heard of any more")

    summary = summarize(OPEN, recorded(made([50.0] * 100), generators=(Generator(0, 0.2), lost)))

    assert summary.invalid == ["generator 1 was lost: its worker was not heard of any more"]


@pytest.mark.parametrize(("last_ms", "stable"), [(21.9, True), (22.1, False)])
def test_a_run_is_stable_where_the_medians_of_three_windows_are_within_10_percent(last_ms, stable):
    latencies_ms = [20.0] * 67 + [last_ms] * 33

    summary = summarize(OPEN, recorded(made(latencies_ms)))

    assert summary.stable is stable
    assert [window.answered for window in summary.windows] == [34, 33, 33]


def test_percentiles_of_a_chart_are_exact_and_were_measured():
    figures = latency_figures(np.random.default_rng(0).permutation(1000) + 0.5)

    assert figures == {"p50": 499.5, "p90": 899.5, "p95": 949.5, "p99": 989.5, "max": 999.5, "mean": 500.0}
