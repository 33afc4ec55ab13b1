import io

from ace_loadtest.progress import show
from ace_loadtest.samples import OK, Recorder


def test_the_line_says_how_far_how_fast_and_what_failed():
    recorder = Recorder()
    for latency_s, status in ((0.01, OK), (0.03, OK), (0.001, "UNAVAILABLE")):
        recorder.add(0, (0.0, 0.0, latency_s), (status, 1, 1, 0))
    stream = io.StringIO()

    show(recorder, 5.0, 20.0, stream)

    assert stream.getvalue() == f"{'█' * 5}{'░' * 15} 5/20 s  3 requests  0.4/s  p50 20 ms  1 errors\n"


def test_without_an_answer_there_is_no_median():
    stream = io.StringIO()

    show(Recorder(), 0.0, 20.0, stream)

    assert "0 requests  0.0/s  p50 –  0 errors" in stream.getvalue()
