import os
import subprocess
import sys

from ace_export.tuning.machine import Neighbours, available_memory_bytes, processor_name, processors

SPIN = [sys.executable, "-c", "import time; end = time.monotonic() + 1\nwhile time.monotonic() < end: pass"]


def test_the_memory_that_can_be_taken_is_some_of_the_machines():
    assert 1_000_000 < available_memory_bytes() < os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def test_the_processors_are_those_that_the_process_may_run_on():
    assert processors() == os.sched_getaffinity(0)
    assert processor_name()


def test_what_a_child_that_has_ended_took_is_not_the_neighbours():
    """Held against the same child before it has been waited for, when it counts as somebody else."""
    neighbours = Neighbours()
    child = subprocess.Popen(SPIN)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    as_another = neighbours.share()

    child.wait()

    assert 0 <= neighbours.share() < as_another <= 1
