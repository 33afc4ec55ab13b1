import json
import re
from datetime import datetime, timezone
from pathlib import Path

import pytest

from ace_loadtest import histograms
from ace_loadtest.arrivals import constant
from ace_loadtest.loads import Closed, Open
from ace_loadtest.plan import Plan, Target
from ace_loadtest.recording import Generator, Recording
from ace_loadtest.report import Report
from ace_loadtest.samples import made, merged

ANSWERED = made([20.0] * 100, version=[1] * 50 + [2] * 50)
FAILED = made([1.0], intended_s=3.0, status="UNAVAILABLE", version=0)


def report(samples=ANSWERED, *, complete=True, busy=0.3, target="127.0.0.1:8500", load=None) -> Report:
    plan = Plan(targets=(Target(address=target),), images=Path("faces"), load=load or Closed(8, 10.0))
    recording = Recording(samples, 10.0, (Generator(0, busy),), complete)
    return Report(plan, recording, datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc))


def test_all_files_are_written(tmp_path):
    assert report().write(tmp_path) == tmp_path / "report.html"

    kept = json.loads((tmp_path / "report.json").read_text())
    assert kept["requests"] == 100
    assert kept["errors"] == {}
    assert kept["versions"] == {"1": 50, "2": 50}
    assert kept["latency_ms"]["p99"] == pytest.approx(20.0)
    assert (kept["loop"], kept["complete"], kept["started_at"]) == ("closed", True, "2026-01-02T03:04:05+00:00")
    assert len((tmp_path / "samples.csv").read_text().splitlines()) == 101
    for name in ("intended", "sent"):
        assert histograms.read(tmp_path / f"{name}.hlog").get_total_count() == 100


def test_the_page_needs_nothing_else():
    page = report().as_html()

    sources = re.findall(r'(?:src|href)="([^"]{0,30})', page)
    assert len(sources) == 3
    assert all(source.startswith("data:image/svg+xml;base64,") for source in sources)
    assert "http" not in page
    assert "@import" not in page


def test_the_page_shows_figures_versions_and_errors():
    page = report(merged([ANSWERED, FAILED])).as_html()

    for shown in ("10.1 <small>/s", "10.0 <small>/s", "20.0 <small>ms", "version 2", "UNAVAILABLE", "closed loop"):
        assert shown in page


@pytest.mark.parametrize("complete", [True, False])
def test_a_partial_report_says_so(complete):
    assert ("Partial report" in report(complete=complete).as_html()) is not complete


@pytest.mark.parametrize(("busy", "said"), [(0.3, False), (0.95, True)])
def test_a_generator_that_was_the_limit_is_named(busy, said):
    assert ("The generator was the limit" in report(busy=busy).as_html()) is said


@pytest.mark.parametrize("samples", [FAILED, made([])])
def test_a_run_without_answers_has_a_page(samples):
    assert "no request was answered" in report(samples, complete=False).as_html()


def test_what_a_user_typed_is_no_markup():
    assert "<script>" not in report(target="<script>:1").as_html()


def test_a_load_that_was_not_the_planned_one_is_said_to_be_invalid():
    late = made([50.0] * 100, late_ms=11.0)

    page = report(late, load=Open(constant(10, 10), "constant")).as_html()

    assert "<b>Invalid.</b>" in page
    assert "100 of 100 requests were sent more than 10 ms late" in page
    assert "An <b>open loop</b>" in page


def test_json_is_strict():
    json.dumps(report(made([])).as_json(), allow_nan=False)
