import io
import re

from ace_loadtest.progress import show
from ace_loadtest.samples import Recorder, Sample


def test_the_line_says_how_far_how_fast_and_what_failed():
    recorder = Recorder()
    recorder.samples = [Sample(0.0, 10.0, "OK", 1), Sample(0.0, 30.0, "OK", 1), Sample(0.0, 1.0, "UNAVAILABLE", None)]
    stream = io.StringIO()

    show(recorder, 20.0, stream)

    assert re.fullmatch(r"░{20} 0/20 s  3 requests  [\d.]+/s  p50 20 ms  1 errors\n", stream.getvalue())


def test_without_an_answer_there_is_no_median():
    stream = io.StringIO()

    show(Recorder(), 20.0, stream)

    assert "0 requests  0.0/s  p50 –  0 errors" in stream.getvalue()
