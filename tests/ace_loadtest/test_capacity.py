"""Capacities that theory knows, searched for in virtual time; the command itself once, against a stub server."""

import json
import math
import signal
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from ace_loadtest.arrivals import constant
from ace_loadtest.capacity import Goal, Search
from ace_loadtest.capacity_report import picture, section
from ace_loadtest.errors import SloOutOfReach
from ace_loadtest.loads import Open
from ace_loadtest.plan import Plan, Target
from ace_loadtest.recording import Recording
from ace_loadtest.samples import made
from ace_loadtest.service import Constant, Queue
from ace_loadtest.slo import parse

SERVICE_S = 0.01
SLO = parse("p99=200ms", "0.1%")
CAPACITY = 1 / SERVICE_S - math.log(100) / 0.2  # of M/M/1: p99 of its response times is ln(100) / (μ − λ)


def measure(service, *, late_above: float = math.inf, complete=lambda _: True):
    """Runs in virtual time; above a rate all is sent late, as by a generator that is too slow."""

    def measured(rate: float, seconds: float, seed: int) -> tuple[Plan, Recording]:
        plan = Plan(targets=(Target(address="a:1"),), images=Path(), load=Open(constant(rate, seconds)), seed=seed)
        arrivals, server = plan.load.arrivals(seed), service()
        latencies_ms = np.array([server.answered_s(each) - each for each in arrivals.tolist()]) * 1000
        samples = made(latencies_ms, intended_s=arrivals, late_ms=11.0 if rate > late_above else 0.0)
        return plan, Recording(samples, seconds, (), complete=complete(rate))

    return measured


def search(service, **flags) -> Search:
    return Search(Goal(slo=SLO, trial_s=200, confirm_s=1000, precision=0.02), measure(service, **flags))


@pytest.fixture(scope="module")
def found() -> Search:
    """What a search on M/M/1 found."""
    found = search(lambda: Queue(SERVICE_S))
    found.run()
    return found


def test_the_capacity_of_a_single_queue_is_that_of_theory(found):
    assert found.per_s == pytest.approx(CAPACITY, rel=0.05)
    assert (found.limit, found.complete) == ("server", True)
    assert [trial.held for trial in found.trials if trial.role == "confirm"][-1]


def test_the_knee_of_a_single_queue_is_at_half_its_load(found):
    assert found.knee_per_s == pytest.approx(0.5 / SERVICE_S, rel=0.3)


def test_a_promise_that_even_one_request_a_second_misses_is_said():
    with pytest.raises(SloOutOfReach, match=r"^even 1 request a second misses p99 ≤ 200 ms.*: p99 was 300 ms"):
        search(lambda: Constant(0.3)).run()


def test_a_first_rate_that_does_not_hold_is_lowered():
    found = search(lambda: Queue(SERVICE_S))
    found.goal = replace(found.goal, first_per_s=1000)
    found.run()

    assert found.per_s == pytest.approx(CAPACITY, rel=0.05)


def test_where_the_generator_was_late_the_capacity_is_at_least_what_it_could_send():
    found = search(lambda: Constant(SERVICE_S), late_above=120)
    found.run()

    assert found.limit == "generator"
    assert found.per_s == pytest.approx(120, rel=0.03)
    assert "at least 11" in section(found).title


def test_a_rate_that_does_not_hold_for_long_is_lowered_until_one_does():
    found = Search(Goal(slo=SLO, confirm_s=1000), measure(lambda: Queue(SERVICE_S)))
    found._confirm(90.0)

    tried = [trial.per_s for trial in found.trials]
    assert tried[:2] == [90.0, pytest.approx(85.5)]
    assert found.per_s == tried[-1] == pytest.approx(CAPACITY, rel=0.1)


def test_what_kept_a_rate_from_being_confirmed_is_the_limit():
    found = search(lambda: Constant(SERVICE_S), late_above=80)
    found._confirm(81.0)

    assert (found.limit, found.per_s) == ("generator", pytest.approx(79.38))
    found.measure = measure(lambda: Queue(SERVICE_S))
    found._confirm(90.0)
    assert found.limit == "server"


def test_a_capacity_below_one_a_second_is_found_where_less_has_held():
    found = Search(
        Goal(slo=SLO, trial_s=1000, confirm_s=1000, first_per_s=0.2), measure(lambda: Queue(SERVICE_S), late_above=0.5)
    )
    found.run()

    assert (found.limit, found.per_s) == ("generator", pytest.approx(0.5, rel=0.1))


def test_an_interrupted_search_keeps_what_it_found():
    found = search(lambda: Queue(SERVICE_S), complete=lambda rate: rate < 20)
    with pytest.raises(KeyboardInterrupt):
        found.run()

    assert [trial.per_s for trial in found.trials] == [1, 4, 16]
    assert not found.as_json()["complete"]
    assert "interrupted" in section(found).note


def test_the_picture_has_the_capacity_the_knee_and_the_limit(found):
    read = {each.text for each in ElementTree.fromstring(picture(found)).iter("{http://www.w3.org/2000/svg}text")}
    assert {"p50", "p99", "limit 200 ms", f"capacity  {found.per_s:.4g}/s", f"knee  {found.knee_per_s:.4g}/s"} <= read


def test_the_command_finds_a_capacity_and_leaves_a_report(command, serve_stub, images, tmp_path):
    flags = ("--slo=p99=500ms", "--errors=30%", "--trial=0.5", "--seconds=0.7", "--warm-up=0.2", "--precision=0.5")
    address = serve_stub("--queue-ms=20")
    status, printed, error = command("capacity", address, *flags, "--from=8", "--images", images, "--out", tmp_path)

    said, kept = json.loads(printed), json.loads((tmp_path / "capacity.json").read_text())
    assert status == 0, error
    assert said["capacity_per_s"] == pytest.approx(kept["capacity_per_s"], abs=0.01)
    assert {trial["role"] for trial in kept["trials"]} == {"search", "confirm", "curve"}
    assert "Capacity: " in (tmp_path / "report.html").read_text()
    assert (tmp_path / "capacity.svg").exists()


def test_a_limit_out_of_reach_is_exit_status_1(command, serve_stub, images, tmp_path):
    flags = ("--slo=p99=1ms", "--trial=3", "--warm-up=0", "--images", images, "--out", tmp_path)
    status, printed, error = command("capacity", serve_stub("--delay-ms=20"), *flags)

    assert (status, printed) == (1, "")
    assert "ace-loadtest: even 1 request a second misses p99 ≤ 1 ms" in error


def test_a_server_that_stops_answering_leaves_the_trials_until_then(command, serve_stub, images, tmp_path, caplog):
    flags = ("--slo=p99=5s", "--trial=0.2", "--warm-up=0", "--deadline-s=1", "--images", images, "--out", tmp_path)
    status, printed, error = command("capacity", serve_stub("--fail-after=60"), *flags, "--from=50")

    assert status == 1
    assert "RESOURCE_EXHAUSTED" in error
    assert caplog.text == ""  # of asyncio, where something is left under way
    assert json.loads(printed)["complete"] is False
    assert json.loads((tmp_path / "capacity.json").read_text())["trials"][0]["held"]
    assert "The search was interrupted" in (tmp_path / "report.html").read_text()


def test_ctrl_c_leaves_a_partial_search(start, stub_address, images, tmp_path):
    flags = ("--slo=p99=5s", "--trial=2", "--warm-up=0", "--images", images, "--out", tmp_path)
    process = start("capacity", stub_address, *flags)
    assert process.stderr.readline().startswith("search 1/s: ")
    process.send_signal(signal.SIGINT)
    printed, _ = process.communicate(timeout=60)

    assert process.returncode == 130
    assert json.loads(printed)["complete"] is False
    assert len(json.loads((tmp_path / "capacity.json").read_text())["trials"]) == 1
    assert "The search was interrupted" in (tmp_path / "report.html").read_text()
