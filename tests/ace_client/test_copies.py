"""The line of a request that was put to a candidate too: what is written is what is read."""

import json
import math

import pytest

from ace_client import Verdict
from ace_client.copies import Answer, Copied, copied

ANSWERED = Answer([Verdict(0.25, "real", 7), Verdict(math.nan, "", 7, "no image")], None, 0.031)
FAILED = Answer((), "INTERNAL: no luck", 0.002)
COPIED = Copied(["9f86d081884c7d65", "e3b0c44298fc1c14"], {"stable": ANSWERED, "canary": FAILED}, 3)


def test_what_is_written_is_what_is_read():
    assert repr(copied(COPIED.line())) == repr(COPIED)  # nan is not equal to itself


def test_a_line_is_json_that_others_read_too():
    line = json.loads(COPIED.line())

    assert line["answers"]["stable"]["verdicts"] == [[0.25, "real", None], [None, "", "no image"]]
    assert line["answers"]["canary"] == {"seconds": 0.002, "error": "INTERNAL: no luck"}


@pytest.mark.parametrize("line", [b"[]", b"{}", b'{"images": [], "not_copied": 0, "answers": []}'])
def test_what_is_no_line_is_said(line):
    with pytest.raises(ValueError, match=r"."):
        copied(line)


def test_a_line_that_a_crash_has_cut_off_is_none():
    with pytest.raises(ValueError, match=r"."):
        copied(COPIED.line()[:80])
