import io

import pytest

from ace_client.command.progress import Progress, line
from ace_client.command.tally import Tally


@pytest.mark.parametrize(
    ("tally", "total", "elapsed_s", "shown"),
    [
        (Tally(), 400, 0.0, "░░░░░░░░░░░░░░░░░░░░ 0/400  0.0/s"),
        (Tally(images=100, asked=100), 400, 0.5, "█████░░░░░░░░░░░░░░░ 100/400  200.0/s  0:02 left"),
        (Tally(images=3000, asked=10), 99_000, 2.0, "░░░░░░░░░░░░░░░░░░░░ 3,000/99,000  5.0/s  5:20:00 left"),
        (Tally(images=4, asked=4, fakes=1, unread=2), 4, 1, "█" * 20 + " 4/4  4.0/s  0:00 left  1 fake  2 unreadable"),
        (Tally(images=1234, asked=1234), None, 1.0, "1,234 images  1,234.0/s"),
    ],
)
def test_the_line_says_how_far_how_fast_and_how_long(tally, total, elapsed_s, shown):
    assert line(tally, total, elapsed_s) == shown


def test_the_last_state_is_left_standing():
    stream, tally = io.StringIO(), Tally()
    with Progress(stream, 5000, tally) as progress:
        for tally.images in range(1, 5001):
            progress.show()

    assert stream.getvalue().count("\r") < 100
    assert stream.getvalue().split("\r")[-1].startswith("█" * 20 + " 5,000/5,000  ")
    assert stream.getvalue().endswith("\n")
