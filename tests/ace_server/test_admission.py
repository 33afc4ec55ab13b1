import numpy as np
import pytest

from ace_server.admission import Admission, bytes_of
from ace_server.config import BatchingParameters
from ace_server.errors import ResourceExhausted, Unavailable


def test_inputs_are_admitted_up_to_the_budget_and_again_once_others_have_left():
    admission = Admission(max_bytes=100)
    with admission.admitted(60, rows=1, waiting_rows=0, limits=None):
        with (
            pytest.raises(ResourceExhausted, match="hold 60 bytes; this one's 41"),
            admission.admitted(41, 1, 0, None),
        ):
            pass
        with admission.admitted(40, 1, 0, None):
            pass

    with admission.admitted(100, 1, 0, None):
        assert admission.bytes_held() == {(): 100}


def test_strings_are_counted_by_their_length_and_what_each_takes_without_content():
    assert bytes_of({"x": np.array([b"1234", b"12"], dtype=object), "y": np.zeros(3, np.uint8)}) == 2 * 24 + 6 + 3


def test_a_request_larger_than_the_budget_is_admitted_alone():
    admission = Admission(max_bytes=100)
    with admission.admitted(101, rows=1, waiting_rows=0, limits=None):
        assert admission.bytes_held() == {(): 101}


def test_a_caller_is_told_to_come_back_when_half_of_what_waits_is_answered():
    admission, limits = Admission(), BatchingParameters(max_batch_size=4, max_enqueued_batches=1)
    admission.ran(rows=4, run_s=8.0, runners=2)  # a row a second
    with pytest.raises(Unavailable) as refused, admission.admitted(1, rows=1, waiting_rows=4, limits=limits):
        pass

    assert refused.value.retry_after_s == 2.0
