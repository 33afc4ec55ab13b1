import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "serving" / "benchmarks" / "swaps.py"


@pytest.mark.slow
def test_version_swaps_under_load_leave_no_memory_behind_and_fail_no_call():
    done = subprocess.run([sys.executable, str(BENCHMARK), "--swaps=30"], capture_output=True, text=True, timeout=250)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "30 swaps, 0 failed calls" in done.stdout
