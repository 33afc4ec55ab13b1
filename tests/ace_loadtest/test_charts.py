from xml.etree import ElementTree

import numpy as np

from ace_loadtest import charts
from ace_loadtest.samples import made, merged

SWAP = made([20.0 + number % 7 for number in range(100)], version=[1] * 50 + [2] * 50)
FAILED = made([1.0], intended_s=3.0, status="UNAVAILABLE", version=0)


def texts(svg: str) -> list[str]:
    """What a reader of the picture reads."""
    return [element.text for element in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def test_latency_over_time_names_percentiles_errors_and_the_version_that_begins():
    read = texts(charts.latency_over_time(merged([SWAP, FAILED]), 10.0))

    assert {"p50", "p90", "p95", "p99", "error", "version 2 begins", "latency, ms"} <= set(read)
    assert "version 1 begins" not in read


def test_answers_over_time_names_versions_and_errors():
    assert {"version 1", "version 2", "errors"} <= set(texts(charts.answers_over_time(merged([SWAP, FAILED]), 10.0)))


def test_errors_are_not_drawn_where_there_were_none():
    assert "errors" not in texts(charts.answers_over_time(SWAP, 10.0))
    assert "error" not in texts(charts.latency_over_time(SWAP, 10.0))


def test_the_histogram_marks_its_percentiles():
    read = texts(charts.histogram(np.arange(1.0, 101.0)))

    assert {"p50  50 ms", "p95  95 ms", "p99  99 ms"} <= set(read)


def test_a_histogram_of_one_latency_can_be_drawn():
    assert "p50  7 ms" in texts(charts.histogram(np.array([7.0])))


def test_a_run_without_answers_can_be_drawn():
    assert "error" in texts(charts.latency_over_time(FAILED, 10.0))
    assert texts(charts.answers_over_time(made([]), 10.0))
