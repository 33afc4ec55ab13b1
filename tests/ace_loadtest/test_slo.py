from pathlib import Path

import pytest

from ace_loadtest.arrivals import constant
from ace_loadtest.loads import Open
from ace_loadtest.plan import Plan, Target
from ace_loadtest.recording import Recording
from ace_loadtest.samples import OK, made
from ace_loadtest.slo import parse
from ace_loadtest.summary import summarize

PLAN = Plan(targets=(Target(address="a:1"),), images=Path(), load=Open(constant(10, 10), "constant"))


def summary(samples):
    return summarize(PLAN, Recording(samples, 10.0, (), complete=True))


@pytest.mark.parametrize(
    ("limits", "errors", "read"),
    [
        ("p99=400ms", "0.1%", "p99 ≤ 400 ms, errors ≤ 0.1 %"),
        ("p50=50ms, p99.9=0.5s", "0.01", "p50 ≤ 50 ms, p99.9 ≤ 500 ms, errors ≤ 1 %"),
        ("max=900us,mean=1ms", "0", "max ≤ 0.9 ms, mean ≤ 1 ms, errors ≤ 0 %"),
    ],
)
def test_limits_are_read_with_their_units(limits, errors, read):
    assert str(parse(limits, errors)) == read


@pytest.mark.parametrize(("limits", "errors"), [("p99=400", "1%"), ("p98=4ms", "1%"), ("", "1%"), ("p99=4ms", "101%")])
def test_what_is_no_limit_is_a_clear_error(limits, errors):
    with pytest.raises(ValueError, match=r"^--(slo|errors) is .*: write "):
        parse(limits, errors)


@pytest.mark.parametrize(("limit", "missed"), [("20.1ms", []), ("19.9ms", ["p99 was 20 ms, above 19.9 ms"])])
def test_a_percentile_above_its_limit_is_named(limit, missed):
    assert parse(f"p99={limit}", "0").missed(summary(made([20.0] * 100))) == missed


@pytest.mark.parametrize(("errors", "held"), [("1%", True), ("0.99%", False)])
def test_errors_count_by_their_share(errors, held):
    samples = made([20.0] * 100, status=["UNAVAILABLE"] + [OK] * 99)

    assert (parse("p50=1s", errors).missed(summary(samples)) == []) is held


def test_what_was_never_sent_counts_as_failed():
    assert parse("p50=1s", "1%").missed(summary(made([20.0] * 98))) == [
        "2.000% of requests failed, above 0.01 (unsent)"
    ]


def test_a_run_without_an_answer_keeps_nothing():
    assert parse("p99=1s", "100%").missed(summary(made([1.0] * 100, status="UNAVAILABLE"))) == [
        "not one request was answered"
    ]
