"""The drawn history, from entries as a canary leaves them. Its looks are for eyes."""

import json
import re
from datetime import datetime, timedelta
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from ace_rollout.charts import Chart, Mark, svg
from ace_rollout.history_page import page


def entry(second: int, what: str, version: int = 2, **facts) -> dict:
    at = f"2026-11-25T10:00:{second:02}.000+00:00"
    return {"at": at, "who": "eve@host", "what": what, "version": version, "why": "", **facts}


def seen(pairs: int, failed: int, psi: float) -> list[dict]:
    errors = {"pairs": pairs, "stable failed": 0, "canary failed": failed}
    figures = {"errors": errors, "p99": {"stable ms": 20.0, "canary ms": 30.0}, "drift": {"psi": psi, "of": 0.25}}
    return [{"gate": gate, "passed": True, "figures": each} for gate, each in figures.items()]


BAD = [
    entry(0, "canary loaded", why="newer"),
    entry(10, "canary held", share=0.0, evidence=seen(100, 0, 0.1)),
    entry(10, "canary step", share=50.0),
    entry(20, "canary watched", share=50.0, evidence=seen(200, 10, 0.1)),
    entry(30, "canary watched", share=50.0, evidence=seen(50, 25, 0.2)),  # resumed: counted anew
    entry(40, "canary taken back", 1, taken_back=2, why="errors <failed>", evidence=seen(100, 50, 0.2)),
]


def charts(html: str) -> dict[str, list[list[tuple[float, float]]]]:
    """The points of each line by the chart's title, in units of the drawing, as the browser reads them."""
    found = {}
    for text in re.findall(r"<svg.*?</svg>", html):
        root = ElementTree.fromstring(text)
        lines = (line.get("points", "").split() for line in root.iter("polyline"))
        found[root.get("aria-label")] = [[tuple(map(float, point.split(","))) for point in line] for line in lines]
    return found


def test_each_canary_is_drawn_with_shares_errors_latency_and_drift():
    found = charts(page("detector", BAD))

    assert {title: len(lines) for title, lines in found.items()} == {
        "Share of the calls": 1,
        "Failed probes": 2,
        "p99 of the probes": 2,
        "Drift of the scores (PSI)": 1,
    }
    stable, canary = found["Failed probes"]
    zero = stable[0][1]
    assert {y for _, y in stable} == {zero}
    heights = [zero - y for _, y in canary]
    assert heights[0] == 0
    assert heights[2:] == pytest.approx([heights[1] * 5] * 2, abs=0.3)  # 0, 10, 50 and 50 % of the pairs since


def test_a_share_holds_until_the_next_step_and_ends_where_it_was_taken_back():
    [[*points]] = [charts(page("detector", BAD))["Share of the calls"][0]]

    assert points[0][1] == points[-1][1]
    assert len({x for x, _ in points}) == 5
    assert all(before[0] == after[0] or before[1] == after[1] for before, after in pairwise(points))


def test_each_step_stands_with_its_moment_and_reason_and_nothing_is_markup():
    html = page("<model>", [*BAD, entry(50, "retired", 1, why="old")])

    assert "Version 2: taken back" in html
    assert "errors &lt;failed&gt;" in html
    assert "<model>" not in html
    assert html.count('text class="failed"') == 4  # once a chart
    assert "Other acts" in html
    assert "canary watched" not in html


def test_the_latest_canary_is_the_first_and_each_has_its_own_end():
    good = [entry(50, "canary loaded", 3), entry(51, "canary step", 3, share=100.0), entry(55, "promoted", 3)]
    html = page("detector", [entry(0, "promoted", 1), *BAD, *good, entry(56, "canary loaded", 4)])

    titles = re.findall(r"<h2>(.*?) <small>", html)
    assert titles == ["Version 4: under way", "Version 3: promoted", "Version 2: taken back"]


@pytest.mark.parametrize("jump", [timedelta(days=-30), timedelta(days=30)])
def test_a_clock_that_jumped_leaves_the_order_of_a_drawing(jump):
    later = [{**each, "at": str(datetime.fromisoformat(each["at"]) + jump)} for each in BAD[3:]]

    for lines in charts(page("detector", [*BAD[:3], *later])).values():
        for points in lines:
            assert points == sorted(points, key=lambda point: point[0])
            assert all(0 <= x <= 640 for x, _ in points)


def test_a_page_loads_nothing_from_elsewhere():
    assert re.findall(r"<script|<link|src=|href=|url\(|https?:", page("detector", BAD)) == []


def test_a_chart_without_figures_has_its_axes():
    drawn = svg(Chart("Nothing", "%", {"canary": []}), 0.0, [Mark(0.0, 1)])
    assert ElementTree.fromstring(drawn).get("aria-label") == "Nothing"


def test_the_command_writes_the_page_of_the_history(new_site, capsys):
    site = new_site(["127.0.0.1:1"])
    lines = "".join(json.dumps(each) + "\n" for each in BAD)
    (site.folder / "rollout-history.jsonl").write_text(lines)

    assert site.run("history", "--html", site.root / "out.html") == 0

    assert capsys.readouterr().out == f"{site.root}/out.html\n"
    assert "Version 2: taken back" in (site.root / "out.html").read_text()
    assert site.run("history", "--html", site.root / "none/out.html") == 1
    assert "none/out.html cannot be written" in capsys.readouterr().err
