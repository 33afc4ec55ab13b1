"""Trials run for real: a child process loads the version, and is killed, hangs or refuses."""

import asyncio
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ace_server.errors import ModelError
from ace_server.trial import Trial, _raise_failure


def trial(timeout_s=120.0, warmup_iterations=1):
    return Trial(tags=("serve",), config=b"", warmup_iterations=warmup_iterations, timeout_s=timeout_s)


def children() -> set[int]:
    """The processes that this one has started and that have not ended."""
    return {int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()}


@pytest.fixture
def version(tmp_path, probe_path):
    return Path(shutil.copytree(probe_path, tmp_path / "2"))


def test_a_version_that_loads_and_warms_up_passes(version, with_warm_up):
    asyncio.run(trial().run(with_warm_up(version, 0.01)))


def test_a_version_that_does_not_load_is_refused_with_the_reason_of_tensorflow(tmp_path):
    (tmp_path / "2").mkdir()

    with pytest.raises(ModelError, match=r"saved_model\.pb") as refused:
        asyncio.run(trial().run(tmp_path / "2"))

    assert refused.value.code.name == "NOT_FOUND"


@pytest.mark.parametrize("output", [b"", b"corrupted size vs. prev_size\n", b'"a"\n', b'{"code": 99}\n', b"\xff\n"])
def test_a_child_whose_last_line_is_no_reason_is_told_by_its_status(output):
    with pytest.raises(ModelError, match="ended with exit status 1"):
        _raise_failure(Path("/models/m/2"), 1, output)


def test_a_version_that_hangs_is_given_up_and_its_process_ended(version, with_warm_up):
    before = children()

    with pytest.raises(ModelError, match="--trial_timeout_seconds=8"):
        asyncio.run(trial(timeout_s=8.0).run(with_warm_up(version, 1e9)))

    assert children() == before


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL])
def test_a_crash_is_told_by_its_signal(version, with_warm_up, number):
    before = children()

    async def scenario():
        running = asyncio.create_task(trial().run(with_warm_up(version, 1e9)))
        while not (started := children() - before):
            await asyncio.sleep(0.01)
        os.kill(started.pop(), number)
        await running

    with pytest.raises(ModelError, match=f"ended with {number.name}"):
        asyncio.run(scenario())


def test_the_child_is_what_the_system_ends_first_where_memory_runs_out(version, with_warm_up):
    before = children()

    async def scenario():
        running = asyncio.create_task(trial().run(with_warm_up(version, 1e9)))
        while not (started := children() - before):
            await asyncio.sleep(0.01)
        child = Path(f"/proc/{started.pop()}")
        deadline_s = time.monotonic() + 60
        while (score := (child / "oom_score_adj").read_text().strip()) != "1000" and time.monotonic() < deadline_s:
            await asyncio.sleep(0.05)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return score

    assert asyncio.run(scenario()) == "1000"
    assert children() == before


def test_a_child_whose_server_has_gone_does_not_begin(version):
    request = {"server": os.getppid(), "path": str(version), "tags": ["serve"], "config": "", "warmup_iterations": 0}

    child = [sys.executable, "-m", "ace_server.trial"]
    done = subprocess.run(child, input=json.dumps(request), capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stdout) == (1, "")


def test_a_trial_for_which_no_process_can_be_had_fails_with_the_reason(version):
    async def scenario():
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, limit[1]))
        try:
            await trial().run(version)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limit)

    with pytest.raises(ModelError, match="no process could be started to try it in: Too many open files"):
        asyncio.run(scenario())
