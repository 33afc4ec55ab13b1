import pytest

from ace_export.tuning.candidates import BATCHED, UNBATCHED, Candidate, Setting, settings


@pytest.mark.parametrize(
    ("processors", "layouts"),
    [
        (1, [(1, 1, 1)]),
        (2, [(1, 2, 1), (2, 1, 2), (2, 0, 0)]),
        (4, [(1, 4, 1), (2, 2, 2), (4, 1, 4), (4, 0, 0)]),
        (8, [(1, 8, 1), (2, 4, 2), (4, 2, 4), (8, 1, 8), (8, 0, 0)]),
        (64, [(1, 64, 1), (4, 16, 4), (16, 4, 16), (64, 1, 64), (64, 0, 0)]),
    ],
)
def test_layouts_go_from_one_batch_on_all_processors_to_one_batch_a_processor(processors, layouts):
    tried = settings(processors, [1])

    assert [(one.batch_threads, one.intra_op_threads, one.inter_op_threads) for one in tried] == layouts


@pytest.mark.parametrize("processors", range(1, 130))
def test_no_layout_is_tried_twice_or_leaves_a_batch_without_a_thread(processors):
    tried = settings(processors, [1])

    assert len(set(tried)) == len(tried)
    assert all(one.batch_threads >= 1 for one in tried)
    assert all(one.batch_threads * one.intra_op_threads <= processors for one in tried)


def test_only_sizes_that_the_version_was_warmed_for_are_allowed():
    assert [one.batch_sizes for one in settings(1, [4, 1, 8])] == [(1,), (1, 4), (1, 4, 8)]


def test_a_candidate_is_called_what_distinguishes_it():
    setting = Setting(2, 1, 2, batch_sizes=(1, 4))

    assert UNBATCHED.name == "default: no batching"
    assert BATCHED.name == "default: --enable_batching"
    assert Candidate(setting, onednn=True).name == "2×1 threads, batches ≤ 4, oneDNN on"
    assert Candidate(Setting(2, 0, 0, (1,)), onednn=False).name == "2×all threads, batches ≤ 1, oneDNN off"
