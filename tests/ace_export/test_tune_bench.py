from pathlib import Path

import pytest
import tensorflow as tf

from ace_export.errors import TuneError
from ace_export.tuning.bench import Bench
from ace_export.tuning.candidates import BATCHED, UNBATCHED, Candidate, Setting
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


def test_where_memory_is_short_the_server_visited_longest_ago_makes_room_and_the_context_ends_the_other(
    version, faces, tmp_path
):
    load = Load(tuple(faces), callers=2, seconds=0.1)
    with Bench(version, load, tmp_path, available_bytes=lambda: 10_000_000) as bench:
        bench.visit(UNBATCHED)
        [before] = running(bench)
        bench.visit(BATCHED)

        [after] = running(bench)

    assert before != after
    assert not Path(f"/proc/{before}").exists()
    assert not Path(f"/proc/{after}").exists()


def test_no_batch_size_is_run_for_the_first_time_while_something_is_measured(faces, tmp_path):
    """One caller never fills a batch: what fails on two images fails before anything is measured."""
    image_bytes = tf.TensorSpec([None], tf.string, "image_bytes")

    @tf.function(input_signature=[image_bytes], autograph=False)
    def fail_on_two(image_bytes):
        with tf.control_dependencies([tf.debugging.assert_less(tf.size(image_bytes), 2, "more than one")]):
            return {"prob_fake": tf.zeros_like(image_bytes, tf.float32)}

    version = tmp_path / "models" / "1"
    tf.saved_model.save(tf.Module(), str(version), signatures=fail_on_two)
    bench = Bench(version, Load(tuple(faces), callers=1, seconds=0.1), tmp_path)

    with bench, pytest.raises(TuneError, match="more than one"):
        bench.visit(Candidate(Setting(1, 1, 1, (1, 2))))
