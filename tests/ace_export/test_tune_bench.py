from pathlib import Path

import pytest

from ace_export.tuning.bench import Bench
from ace_export.tuning.candidates import BATCHED, UNBATCHED
from ace_export.tuning.load import Load


@pytest.fixture
def bench(version, faces, tmp_path):
    with Bench(version, Load(tuple(faces), callers=2, seconds=0.1), tmp_path) as bench:
        yield bench


def running(bench: Bench) -> list[int]:
    return [server._process.pid for server in bench._servers.values() if server._process.poll() is None]


def test_a_server_stays_up_until_it_is_let_go(bench):
    first, second = bench.visit(UNBATCHED), bench.visit(UNBATCHED, 20.0, check=True)
    kept = running(bench)
    bench.keep([])

    assert (len(bench.start_s), len(bench.visit_s), len(kept)) == (1, 2, 1)
    assert running(bench) == []
    assert len(second.steady_ms) == 2
    assert first.images_per_s > 0
    assert first.cpu_ms_an_image > 0


def test_the_context_ends_what_is_up(version, faces, tmp_path):
    with Bench(version, Load(tuple(faces), callers=2, seconds=0.1), tmp_path) as bench:
        bench.visit(BATCHED)
        [pid] = running(bench)

    assert not Path(f"/proc/{pid}").exists()


def test_where_memory_is_short_the_server_visited_longest_ago_makes_room(version, faces, tmp_path):
    load = Load(tuple(faces), callers=2, seconds=0.1)
    with Bench(version, load, tmp_path, available_bytes=lambda: 10_000_000) as bench:
        bench.visit(UNBATCHED)
        [before] = running(bench)
        bench.visit(BATCHED)

        assert len(running(bench)) == 1
        assert before not in running(bench)
