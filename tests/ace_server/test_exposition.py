"""Prometheus' text format, letter by letter."""

from ace_server.exposition import Counter, Histogram, Level, Sampled, exponential, page


def test_a_counter_is_written_under_its_own_name():
    counter = Counter(":tensorflow:serving:request_count", "Requests.", ("model_name", "status"))
    counter.add(("detector", "OK"))
    counter.add(("detector", "OK"), 2)

    assert counter.text() == (
        "# HELP :tensorflow:serving:request_count Requests.\n"
        "# TYPE :tensorflow:serving:request_count counter\n"
        ':tensorflow:serving:request_count{model_name="detector",status="OK"} 3\n'
    )


def test_a_counter_without_labels_begins_at_zero():
    assert Counter("runs", "Runs.").text().splitlines()[-1] == "runs{} 0"


def test_a_histogram_counts_up_to_each_bound():
    histogram = Histogram("t", "Time.", ("m",), exponential(10, 1.8, 3))
    for amount in (10, 18.5, 1000):
        histogram.observe(("a",), amount)

    assert histogram.text().splitlines()[2:] == [
        't_bucket{m="a",le="10"} 1',
        't_bucket{m="a",le="18"} 1',
        't_bucket{m="a",le="32.4"} 2',
        't_bucket{m="a",le="+Inf"} 3',
        't_sum{m="a"} 1028.5',
        't_count{m="a"} 3',
    ]


def test_label_values_are_escaped():
    counter = Counter("c", "C.", ("m",))
    counter.add(('a"b\\c\nd',))

    assert counter.text().splitlines()[-1] == 'c{m="a\\"b\\\\c\\nd"} 1'


def test_a_sampled_gauge_is_read_when_it_is_asked_for():
    values = {("a",): 1}
    gauge = Sampled("g", "G.", ("m",), lambda: values)
    values[("b",)] = 2

    assert page([gauge]) == '# HELP g G.\n# TYPE g gauge\ng{m="a"} 1\ng{m="b"} 2\n'


def test_callers_cannot_fill_the_memory_with_series():
    counter = Counter("c", "C.", ("m", "n"))
    histogram = Histogram("h", "H.", ("m",), [1])
    level = Level("l", "L.", ("m",))
    for number in range(1100):
        counter.add((f"m{number}", "n"))
        histogram.observe((f"m{number}",), 1)
        level.set((f"m{number}",), 1)

    assert counter.text().count("\n") == 2 + 1000 + 1
    assert 'c{m="other",n="other"} 100\n' in counter.text()
    assert 'h_count{m="other"} 100\n' in histogram.text()
    assert 'l{m="other"} 1\n' in level.text()


def test_a_series_can_be_forgotten_by_its_first_labels():
    counter, histogram = Counter("c", "C.", ("m", "v", "s")), Histogram("h", "H.", ("m", "v"), [1])
    for version in "12":
        counter.add(("a", version, "OK"))
        histogram.observe(("a", version), 1)

    counter.forget(("a", "1"))
    histogram.forget(("a", "1"))

    assert counter.text().splitlines()[2:] == ['c{m="a",v="2",s="OK"} 1']
    assert 'v="1"' not in histogram.text()
    assert 'v="2"' in histogram.text()
