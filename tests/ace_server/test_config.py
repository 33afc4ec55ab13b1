import pytest

from ace_server.config import BatchingParameters, read_batching_parameters
from ace_server.errors import StartError


def test_what_a_file_says_is_read_and_the_rest_has_its_default(tmp_path):
    file = tmp_path / "batching.txt"
    file.write_text("max_batch_size { value: 8 }\nbatch_timeout_micros { value: 500 }\nallowed_batch_sizes: [4, 8]\n")

    parameters = read_batching_parameters(file)

    assert parameters == BatchingParameters(max_batch_size=8, batch_timeout_micros=500, allowed_batch_sizes=(4, 8))


@pytest.mark.parametrize(
    ("text", "place", "complaint"),
    [
        ("\nmax_batch_size { value: 0 }", ":2", "max_batch_size must be at least 1, but is 0."),
        ("num_batch_threads {\n value: -2 }", ":1", "num_batch_threads must be at least 1, but is -2."),
        ("batch_timeout_micros < value: -1 >", ":1", "batch_timeout_micros must not be negative, but is -1."),
        (
            "max_batch_size { value: 8 }\nallowed_batch_sizes: [4, 2, 8]",
            ":2",
            "allowed_batch_sizes entries must be monotonically increasing; they are [4, 2, 8].",
        ),
        (
            "max_batch_size { value: 8 }\nallowed_batch_sizes: 2\nallowed_batch_sizes: 4 # not 8\n",
            ":3",
            "Last entry in allowed_batch_sizes must match max_batch_size; last entry was 4; expected 8",
        ),
        (
            "max_batch_size { value: 8 } enable_large_batch_splitting { value: true }\n"
            "max_execution_batch_size { value: 4 } allowed_batch_sizes: [2, 6]",
            ":2",
            "Last entry in allowed_batch_sizes must match max_execution_batch_size; last entry was 6; expected 4",
        ),
        (
            "max_batch_size { value: 8 } enable_large_batch_splitting { value: true }\n"
            "max_execution_batch_size { value: 9 }",
            ":2",
            "max_execution_batch_size must not be above max_batch_size=8, but is 9.",
        ),
        (
            "max_batch_sise { value: 8 }",
            ":1:1",
            'no usable BatchingParameters: Message type "ace.server.BatchingParameters" has no field named '
            '"max_batch_sise".',
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_by_file_line_and_field(text, place, complaint, tmp_path):
    file = tmp_path / "batching.txt"
    file.write_text(text)

    with pytest.raises(StartError) as caught:
        read_batching_parameters(file)

    assert str(caught.value) == f"{file}{place}: {complaint}"


def test_large_requests_are_split_by_max_execution_batch_size_or_else_by_max_batch_size(tmp_path):
    splitting, sizes = "enable_large_batch_splitting { value: true }", "max_execution_batch_size { value: 4 }"
    (tmp_path / "both").write_text(f"{splitting} {sizes} allowed_batch_sizes: 4")
    (tmp_path / "one").write_text(splitting)
    (tmp_path / "other").write_text(sizes)

    limits = [read_batching_parameters(tmp_path / name).max_rows_of_run for name in ("both", "one", "other")]

    assert limits == [4, 1000, 1000]


def test_no_queue_is_a_queue_of_one_batch_as_in_tensorflow_serving(tmp_path):
    (tmp_path / "batching.txt").write_text("max_enqueued_batches { value: 0 }")

    assert read_batching_parameters(tmp_path / "batching.txt").max_enqueued_batches == 1


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(StartError, match=r"none\.txt"):
        read_batching_parameters(tmp_path / "none.txt")


def test_a_batch_is_padded_to_the_next_allowed_size():
    parameters = BatchingParameters(max_batch_size=8, allowed_batch_sizes=(2, 8))

    assert [parameters.padded(rows) for rows in (0, 1, 2, 3, 8)] == [0, 2, 2, 8, 8]
    assert BatchingParameters().padded(3) == 3
