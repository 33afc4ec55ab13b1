import json
import re
from datetime import datetime, timezone
from pathlib import Path

import pytest

from ace_loadtest.plan import Plan
from ace_loadtest.report import Report
from ace_loadtest.samples import OK, Recording, Sample

ANSWERED = [Sample(second / 10, 20.0, OK, 1 if second < 50 else 2) for second in range(100)]
FAILED = [Sample(3.0, 1.0, "UNAVAILABLE", None)]


def report(samples=ANSWERED, *, complete=True, generator_busy=0.3, target="127.0.0.1:8500") -> Report:
    plan = Plan(target=target, images=Path("faces"))
    recording = Recording(samples, 10.0, generator_busy, complete)
    return Report(plan, recording, datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc))


def test_both_files_are_written(tmp_path):
    assert report().write(tmp_path) == tmp_path / "report.html"

    kept = json.loads((tmp_path / "report.json").read_text())
    assert kept["requests"] == 100
    assert kept["errors"] == {}
    assert kept["versions"] == {"1": 50, "2": 50}
    assert kept["latency_ms"]["p99"] == 20.0
    assert (kept["loop"], kept["complete"], kept["started_at"]) == ("closed", True, "2026-01-02T03:04:05+00:00")


def test_the_page_needs_nothing_else():
    page = report().as_html()

    sources = re.findall(r'(?:src|href)="([^"]{0,30})', page)
    assert len(sources) == 3
    assert all(source.startswith("data:image/svg+xml;base64,") for source in sources)
    assert "http" not in page
    assert "@import" not in page


def test_the_page_shows_figures_versions_and_errors():
    page = report(ANSWERED + FAILED).as_html()

    for shown in ("10.1 <small>/s", "10.0 <small>/s", "20.0 <small>ms", "version 2", "UNAVAILABLE", "closed loop"):
        assert shown in page


@pytest.mark.parametrize("complete", [True, False])
def test_a_partial_report_says_so(complete):
    assert ("Partial report" in report(complete=complete).as_html()) is not complete


@pytest.mark.parametrize(("generator_busy", "said"), [(0.3, False), (0.95, True)])
def test_a_generator_that_was_the_limit_is_named(generator_busy, said):
    assert ("The generator was the limit" in report(generator_busy=generator_busy).as_html()) is said


@pytest.mark.parametrize("samples", [FAILED, []])
def test_a_run_without_answers_has_a_page(samples):
    assert "no request was answered" in report(samples, complete=False).as_html()


def test_what_a_user_typed_is_no_markup():
    assert "<script>" not in report(target="<script>:1").as_html()
