import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ace_training.errors import TrainingError
from ace_training.workers import spread


def test_every_item_is_worked_on_in_other_processes():
    with spread(abs, [-1, 2, -3], processes=2) as results:
        assert sorted(results) == [1, 2, 3]


def test_no_items_need_no_work():
    with spread(abs, []) as results:
        assert list(results) == []


def test_what_goes_wrong_there_is_raised_here():
    with pytest.raises(TypeError), spread(abs, ["x"]) as results:
        list(results)


def test_a_process_that_dies_is_an_error():
    with pytest.raises(TrainingError, match="One of the processes died"), spread(os._exit, [3]) as results:
        list(results)


def ended(pid: int) -> bool:
    """Whether the process is gone, or waits only to be reaped."""
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


SLEEPERS = """
import multiprocessing, time
from ace_training.workers import spread
with spread(time.sleep, [0, 600, 600], processes=2) as results:
    next(results)
    print(*[process.pid for process in multiprocessing.active_children()], flush=True)
    next(results)
"""


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for the processes in /proc")
def test_its_processes_end_with_this_one_however_that_is_killed():
    with subprocess.Popen([sys.executable, "-c", SLEEPERS], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        pids = [int(pid) for pid in process.stdout.readline().split()]
        assert pids
        assert not any(map(ended, pids))
        process.send_signal(signal.SIGKILL)

    while not all(map(ended, pids)):
        time.sleep(0.02)
