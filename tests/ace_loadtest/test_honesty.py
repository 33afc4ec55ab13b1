"""Servers of which theory says what a load on them shows, and whether this tool shows it.

In virtual time the same servers that the stub waits by are asked for the times alone, so that all is exact and no
machine matters. The few runs with processes look for what is large on any machine.
"""

import heapq
import math
from pathlib import Path

import numpy as np
import pytest

from ace_loadtest.arrivals import constant, draw
from ace_loadtest.loads import Closed, Open
from ace_loadtest.percentiles import LEVELS, estimates
from ace_loadtest.plan import Plan, Target
from ace_loadtest.recording import Recording
from ace_loadtest.run import run
from ace_loadtest.samples import OK, made
from ace_loadtest.service import Constant, Queue, Stalling
from ace_loadtest.summary import summarize

SERVICE_S = 0.02


def open_loop(service, rate: float, seconds: float, seed: int = 0):
    """What an open loop on the server shows, by arithmetic."""
    plan = Plan(targets=(Target(address="a:1"),), images=Path(), load=Open(constant(rate, seconds)), seed=seed)
    arrivals = plan.load.arrivals(seed)
    latencies_ms = np.array([service.answered_s(each) - each for each in arrivals.tolist()]) * 1000
    return plan, Recording(made(latencies_ms, intended_s=arrivals), seconds, (), complete=True)


def closed_loop(service, users: int, seconds: float):
    """What a closed loop shows: the callers whose answer is there first send first."""
    plan = Plan(targets=(Target(address="a:1"),), images=Path(), load=Closed(users, seconds))
    free_s = [0.0] * users
    times_s = []
    while (sent_s := heapq.heappop(free_s)) < seconds:
        answered_s = service.answered_s(sent_s)
        times_s.append((sent_s, answered_s))
        heapq.heappush(free_s, answered_s)
    sent, answered = np.array(times_s).T
    return plan, Recording(made((answered - sent) * 1000, intended_s=sent), seconds, (), complete=True)


def test_a_constant_server_is_constant_at_any_rate():
    figures = summarize(*open_loop(Constant(SERVICE_S), rate=500, seconds=20)).latency_ms

    assert [figures[name] for name in ("p50", "p99.9", "max")] == pytest.approx([20, 20, 20])


def test_a_stall_shows_in_the_percentiles_of_the_open_loop_as_it_must():
    figures = summarize(*open_loop(Stalling(SERVICE_S, 2.0, 10.0), rate=200, seconds=200)).latency_ms

    # A fifth of all arrive so that they are answered after a stall, and wait for its end evenly between 0 and 2 s.
    assert figures["p50"] == pytest.approx(20)
    assert figures["p90"] == pytest.approx(1000, rel=0.05)
    assert figures["p99"] == pytest.approx(1900, rel=0.02)
    assert figures["max"] == pytest.approx(2020, rel=0.01)


@pytest.mark.parametrize("users", [1, 3])
def test_the_closed_loop_hides_the_same_stall(users):
    figures = summarize(*closed_loop(Stalling(SERVICE_S, 2.0, 10.0), users, seconds=200)).latency_ms

    assert figures["p99"] == pytest.approx(20)
    assert figures["max"] == pytest.approx(2020, rel=0.02)


@pytest.mark.parametrize("load", [0.5, 0.7, 0.85])
def test_response_times_of_a_single_queue_are_within_their_intervals(load):
    mean_ms = SERVICE_S / (1 - load) * 1000  # of the exponential distribution that they have
    held, asked = 0, 0
    for seed in range(20):
        _, recording = open_loop(Queue(SERVICE_S, seed), load / SERVICE_S, seconds=600, seed=seed)
        measured = recording.samples.between(20)  # the queue begins empty
        for name, each in estimates(measured.latency_ms(), measured.rows["intended_s"]).items():
            truth_ms = -math.log(1 - LEVELS[name]) * mean_ms
            if name != "p99.9":
                asked += 1
                held += each.low_ms <= truth_ms and (each.high_ms is None or truth_ms <= each.high_ms)

    assert held / asked >= 0.9


def test_the_mean_of_a_single_queue_is_that_of_theory():
    means = [
        summarize(*open_loop(Queue(SERVICE_S, seed), 0.7 / SERVICE_S, 600, seed)).latency_ms["mean"]
        for seed in range(5)
    ]

    assert np.mean(means) == pytest.approx(SERVICE_S / 0.3 * 1000, rel=0.07)


def test_a_closed_loop_on_an_overloaded_server_never_shows_the_queue_that_callers_would_stand_in():
    closed = summarize(*closed_loop(Queue(SERVICE_S, 1), users=4, seconds=100))
    opened = summarize(*open_loop(Queue(SERVICE_S, 1), rate=closed.achieved_per_s * 1.2, seconds=100))

    assert closed.latency_ms["p99"] < 300
    assert opened.latency_ms["p99"] > 10 * closed.latency_ms["p99"]
    assert not opened.stable


def test_errors_of_1_percent_are_found_as_1_percent():
    plan, recording = open_loop(Constant(SERVICE_S), rate=100, seconds=100)
    status = ["UNAVAILABLE" if number % 100 == 0 else OK for number in range(len(recording.samples))]
    recording = Recording(made([20.0] * len(status), every_s=0.01, status=status), 100, (), complete=True)

    summary = summarize(plan, recording)

    assert summary.errors["UNAVAILABLE"] / summary.requests == pytest.approx(0.01, abs=1e-3)
    assert summary.latency_ms["p50"] == pytest.approx(20)


def test_arrivals_are_sent_while_nothing_is_answered(serve_stub, images):
    plan = planned(serve_stub("--delay-ms=1000"), images, Open(constant(60, 1)))

    samples = run(plan).samples

    assert (samples.rows["sent_s"] < samples.rows["ended_s"].min()).sum() > 30
    assert len(samples) == draw(constant(60, 1)).size


def test_a_real_stall_shows_in_the_open_loop_and_hides_in_the_closed_one(serve_stub, images):
    address = serve_stub("--delay-ms=5", "--stall-ms=800", "--stall-every-ms=2000")
    opened, closed = (
        summarize(plan, run(plan))
        for plan in (planned(address, images, load) for load in (Open(constant(60, 4)), Closed(1, 4)))
    )

    assert opened.latency_ms["p90"] > 3 * closed.latency_ms["p90"]
    assert opened.latency_ms["max"] > 300
    assert closed.latency_ms["max"] > 300


def test_refusals_of_a_real_server_are_found_to_the_last_one(serve_stub, images):
    plan = planned(serve_stub("--fail-every=100"), images, Open(constant(150, 2)))

    summary = summarize(plan, run(plan))

    sent_before = plan.channels  # to connect
    assert summary.errors == {"RESOURCE_EXHAUSTED": (summary.requests + sent_before) // 100}


def planned(address: str, images: Path, load) -> Plan:
    return Plan(targets=(Target(address=address),), images=images, load=load)
