import numpy as np
import pytest

from ace_loadtest.shares import Shares, parse


def test_values_are_drawn_by_their_weights():
    drawn = Shares(("a", "b"), (3.0, 1.0)).draw(np.random.default_rng(0), 10_000)

    assert drawn.count("a") / 10_000 == pytest.approx(0.75, abs=0.02)


def test_text_is_read_and_written():
    assert parse("1=9, 8", int) == Shares((1, 8), (9.0, 1.0))
    assert str(parse("1=9,8=0.5", int)) == "1=9, 8=0.5"


@pytest.mark.parametrize("text", ["", "a", "1=x", "1=0", "1=-1", "1=nan", "1=inf"])
def test_what_is_no_share_is_refused(text):
    with pytest.raises(ValueError, match="shares"):
        parse(text, int)
