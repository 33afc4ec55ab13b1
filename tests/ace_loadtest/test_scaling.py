"""Replicas simulated against what is known of queues, and what a rate needs against its parts."""

import json

import numpy as np
import pytest

from ace_loadtest.__main__ import main
from ace_loadtest.commands.plan import curve_in, curve_of
from ace_loadtest.scaling import Curve, Machine, Replica, needs

ONE = Curve({1: 0.1})
BATCHES = Curve({1: 0.040, 8: 0.090, 32: 0.280})


def test_a_free_runner_takes_what_waits_up_to_the_largest_batch():
    replica = Replica(Curve({1: 1.0, 2: 1.5}), overhead_s=0.25)

    latencies_s = replica.latencies_s(np.array([0.0, 0.1, 0.2, 0.3, 9.0]))

    assert latencies_s == pytest.approx([1.25, 2.65, 2.55, 3.45, 1.25])


def test_two_runners_run_side_by_side():
    latencies_s = Replica(Curve({1: 1.0}), runners=2).latencies_s(np.array([0.0, 0.1, 0.2]))

    assert latencies_s == pytest.approx([1.0, 1.0, 1.8])


@pytest.mark.parametrize("busy", [0.3, 0.7, 0.9])
def test_one_image_at_a_time_waits_as_in_a_queue_of_constant_service(busy):
    expected_s = 0.1 + busy * 0.1 / (2 * (1 - busy))  # M/D/1, by Pollaczek and Khinchine

    assert np.mean(Replica(ONE).at(busy / 0.1)) == pytest.approx(expected_s, rel=0.08)


def test_between_the_sizes_measured_a_run_takes_what_the_line_says():
    assert BATCHES.by_size()[[0, 1, 8, 20, 32]] == pytest.approx([0, 0.040, 0.090, 0.185, 0.280])
    assert pytest.approx(32 / 0.280) == BATCHES.most_per_s


def test_the_highest_rate_keeps_the_promise_and_a_little_more_does_not():
    replica = Replica(BATCHES)

    rate = replica.highest_rate(0.99, 0.4)

    assert np.quantile(replica.at(rate), 0.99) <= 0.4
    assert np.quantile(replica.at(1.03 * rate), 0.99) > 0.4


@pytest.mark.parametrize(
    ("machine", "first", "replicas"),
    [
        (Machine(), "runs", 20),
        (Machine(cores=1, decode_s=0.02), "decoding", 29),  # 0.7 of a core, 20 ms each: 35/s
        (Machine(image_bytes=1e6, network_bits_per_s=2e8), "network", 40),  # 8 Mbit each: 25/s
    ],
)
def test_what_carries_least_says_how_many_replicas_a_rate_needs(machine, first, replicas):
    [need] = needs([1000], Replica(BATCHES), machine, per_replica=50.0)

    assert (need.first, need.replicas) == (first, replicas)


def test_the_price_is_of_all_replicas_over_the_images_of_an_hour():
    [need] = needs([100], Replica(BATCHES), Machine(price_per_hour=1.8), per_replica=50.0)

    assert need.price_per_million == pytest.approx(2 * 1.8 / (3600 * 100) * 1e6)


def test_a_part_that_an_image_costs_nothing_never_saturates():
    machine = Machine(decode_s=0.0, image_bytes=0.0)

    [need] = needs([1000], Replica(BATCHES), machine, per_replica=50.0)

    assert (need.first, need.replicas, need.decode_cores, need.gbit_per_s) == ("runs", 20, 0.0, 0.0)


def test_a_run_that_takes_all_of_the_limit_keeps_it_while_no_image_meets_another(monkeypatch):
    monkeypatch.setattr("ace_loadtest.scaling.ARRIVALS", 1000)
    alone = Replica(Curve({1: 0.395}), overhead_s=0.005)  # 400 ms, and in binary a little more

    met = 1 / 0.395  # of these, by the share of the images that meet another one
    assert alone.highest_rate(0.5, 0.4) == pytest.approx(0.5 * met, rel=0.1)
    assert alone.highest_rate(0.9999, 0.4) == 0.0


@pytest.mark.parametrize("wrong", ["--cores=0", "--gbit=0", "--decode-ms=-1", "--image-kb=nan"])
def test_a_machine_that_is_none_is_refused(wrong, capsys):
    with pytest.raises(SystemExit) as raised:
        main(["plan", "--curve", "1=40ms", "--slo", "p99=400ms", wrong])

    assert raised.value.code == 2
    assert wrong.partition("=")[0] in capsys.readouterr().err


@pytest.mark.parametrize("text", ["40ms", "1=40", "1=40ms;8=90ms", "0=1ms", "1=90ms,8=40ms", ""])
def test_a_curve_that_is_none_is_refused(text):
    with pytest.raises(ValueError, match="curve"):
        curve_of(text)


def test_the_curve_of_a_gpu_check_is_its_medians_and_never_falls(tmp_path):
    row = {"signature": "pixels", "precision": "bfloat16", "xla": False}
    rows = [{**row, "batch": batch, "p50_ms": p50_ms} for batch, p50_ms in ((1, 3.0), (2, 2.9), (4, 5.0))]
    file = tmp_path / "gpu.json"
    file.write_text(json.dumps({"runs": [*rows, {**rows[0], "signature": "serving_default", "p50_ms": 99.0}]}))

    assert curve_in(file, "bfloat16", xla=False).run_s == {1: 0.003, 2: 0.003, 4: 0.005}
    with pytest.raises(ValueError, match="pass another --as"):
        curve_in(file, "float16", xla=True)


def test_a_table_says_what_each_rate_needs(capsys):
    assert main(["plan", "--curve", "1=40ms,8=90ms", "--slo", "p99=200ms", "--rates", "50,5000"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("A replica keeps p99=200ms up to ")
    assert [line.split(" | ")[0] for line in lines[-2:]] == ["| 50", "| 5,000"]


def test_a_promise_that_one_image_alone_misses_is_said(capsys):
    assert main(["plan", "--curve", "1=270ms", "--slo", "p99=100ms"]) == 1
    assert "missed by one image alone" in capsys.readouterr().err
