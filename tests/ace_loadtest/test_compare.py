"""Comparisons whose truth is known, in virtual time; the command itself once, against two stub servers."""

import json
import signal
from pathlib import Path

import numpy as np
import pytest

from ace_loadtest.arrivals import constant
from ace_loadtest.compare import Comparison, Interval, interval, judged
from ace_loadtest.errors import LoadTestError
from ace_loadtest.loads import Closed, Open
from ace_loadtest.plan import Plan, Target
from ace_loadtest.recording import Recording
from ace_loadtest.samples import made

OPEN = Plan(targets=(Target(address="a:1"),), images=Path(), load=Open(constant(50, 4)))


def comparison(factor, *, plan=OPEN, rounds=10, failing=0.0, complete=lambda _: True) -> Comparison:
    """Rounds of which each is slower or faster as a whole, as on a shared machine; B takes `factor` times as long."""

    def measure(side, number):
        random = np.random.default_rng([number, side == "B"])
        busy = np.random.default_rng(number).lognormal(0, 0.5)
        latencies_ms = busy * random.lognormal(3, 0.5, 200) * (factor if side == "B" else 1)
        status = ["UNAVAILABLE" if side == "B" and random.random() < failing else "OK" for _ in range(200)]
        recording = Recording(made(latencies_ms, every_s=0.02, status=status), 4.0, (), complete(number))
        return plan, recording

    return Comparison(measure, rounds, 0.05)


@pytest.mark.parametrize(("factor", "verdict"), [(1.3, "worse"), (0.7, "better")])
def test_a_difference_is_found_under_a_machine_that_is_busier_in_some_rounds(factor, verdict):
    found = comparison(factor)
    found.run()

    [p50, *_] = found.findings()
    assert p50.ratio.low < factor < p50.ratio.high
    assert p50.ratio.high / p50.ratio.low < 1.3
    assert found.verdict() == verdict


def test_no_difference_is_never_a_verdict_of_one():
    found = comparison(1.0, rounds=30)
    found.run()

    assert found.verdict() in ("same", "undecided")


def test_intervals_hold_what_is_true_at_19_of_20_comparisons():
    random = np.random.default_rng(0)
    found = [interval(random.normal(0.3, 1, 6).tolist()) for _ in range(400)]

    assert np.mean([each.low <= 0.3 <= each.high for each in found]) == pytest.approx(0.95, abs=0.03)


def test_errors_of_b_alone_make_it_worse():
    found = comparison(1.0, failing=0.02)
    found.run()

    errors = found.findings()[-1]
    assert errors.ratio.value == pytest.approx(0.02, abs=0.01)
    assert (errors.judgement, found.verdict()) == ("worse", "worse")


def test_in_a_closed_loop_more_answers_a_second_are_better():
    def measure(side, number):
        plan = Plan(targets=OPEN.targets, images=Path(), load=Closed(1, 10.0))
        return plan, Recording(made([20.0] * (110 if side == "B" else 100 + number), every_s=0.01), 10.0, (), True)

    found = Comparison(measure, 3, 0.05)
    found.run()

    assert {each.figure: each.judgement for each in found.findings()}["achieved_per_s"] == "better"


@pytest.mark.parametrize(
    ("low", "high", "judgement"),
    [(-0.04, 0.04, "same"), (0.01, 0.2, "worse"), (-0.2, -0.01, "better"), (-0.1, 0.02, "undecided")],
)
def test_an_interval_decides(low, high, judgement):
    assert judged(Interval((low + high) / 2, low, high), -0.05, 0.05) == judgement


def test_both_go_first_in_turn():
    order = []

    def measure(side, _):
        order.append(side)
        return OPEN, Recording(made([20.0] * 200, every_s=0.02), 4.0, (), complete=True)

    Comparison(measure, 3, 0.05).run()

    assert "".join(order) == "ABBAAB"


def test_an_interrupted_comparison_says_what_its_rounds_say():
    found = comparison(1.5, complete=lambda number: number < 4)
    with pytest.raises(KeyboardInterrupt):
        found.run()

    assert (len(found.pairs), found.complete, found.verdict()) == (4, False, "worse")


@pytest.mark.parametrize(("late", "invalid"), [(2, 0), (8, 2)])
def test_rounds_are_late_by_their_sum(late, invalid):
    def measure(_, number):
        samples = made([20.0] * 200, every_s=0.02)
        samples.rows["sent_s"][: late if number == 0 else 0] += 0.0101
        return OPEN, Recording(samples, 4.0, (), complete=True)

    found = Comparison(measure, 3, 0.05)
    found.run()

    assert len(found.invalid) == invalid


def test_one_round_compares_nothing():
    found = comparison(1.0, rounds=1)
    found.run()

    with pytest.raises(LoadTestError, match="at least 2 are needed"):
        found.verdict()


def test_the_command_finds_the_slower_server(command, serve_stub, images, tmp_path):
    flags = ("--rate=40", "--seconds=1", "--warm-up=0.2", "--rounds=3", "--images", images, "--out", tmp_path)
    status, printed, error = command("compare", serve_stub("--delay-ms=5"), serve_stub("--delay-ms=200"), *flags)

    kept = json.loads((tmp_path / "compare.json").read_text())
    assert status in (0, 1), error  # 1 where this machine was too busy to send on time
    assert json.loads(printed)["verdict"] == kept["verdict"] == "worse"
    assert kept["findings"][0]["ratio"]["low"] > 1
    assert "B is worse than A" in (tmp_path / "report.html").read_text()
    assert len((tmp_path / "B.csv").read_text().splitlines()) > 50


def test_a_server_that_stops_answering_leaves_the_rounds_until_then(command, serve_stub, images, tmp_path):
    address = serve_stub("--fail-after=200")
    flags = ("--rate=100", "--seconds=0.2", "--warm-up=0", "--rounds=1000", "--images", images, "--out", tmp_path)
    status, printed, error = command("compare", f"{address}/7", f"{address}/8", *flags)

    assert status == 1
    assert "RESOURCE_EXHAUSTED" in error
    assert json.loads(printed)["complete"] is False
    assert "Partial report" in (tmp_path / "report.html").read_text()


def test_ctrl_c_leaves_the_rounds_until_then(start, stub_address, images, tmp_path):
    flags = ("--rate=40", "--seconds=0.5", "--warm-up=0", "--rounds=1000", "--images", images, "--out", tmp_path)
    process = start("compare", f"{stub_address}/7", f"{stub_address}/8", *flags)
    while not process.stderr.readline().startswith("round 3 of"):
        pass
    process.send_signal(signal.SIGINT)
    printed, _ = process.communicate(timeout=60)

    assert process.returncode == 130
    assert json.loads(printed)["complete"] is False
    assert "Partial report" in (tmp_path / "report.html").read_text()
