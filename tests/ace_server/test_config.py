import pytest

from ace_server.config import BatchingParameters, read_batching_parameters
from ace_server.errors import StartError


def test_what_a_file_says_is_read_and_the_rest_has_its_default(tmp_path):
    file = tmp_path / "batching.txt"
    file.write_text("max_batch_size { value: 8 }\nbatch_timeout_micros { value: 500 }\nallowed_batch_sizes: [4, 8]\n")

    parameters = read_batching_parameters(file)

    assert parameters == BatchingParameters(max_batch_size=8, batch_timeout_micros=500, allowed_batch_sizes=(4, 8))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("max_batch_size { value: 0 }", "max_batch_size must be at least 1"),
        ("num_batch_threads { value: -2 }", "num_batch_threads must be at least 1"),
        ("batch_timeout_micros { value: -1 }", "batch_timeout_micros must not be negative"),
        ("max_batch_size { value: 8 } allowed_batch_sizes: [4, 2, 8]", "monotonically increasing"),
        ("max_batch_size { value: 8 } allowed_batch_sizes: [2, 4]", "last entry was 4; expected 8"),
        ("max_batch_sise { value: 8 }", "1:1 .*max_batch_sise"),
        ("pad_variable_length_inputs: true", "pad_variable_length_inputs, which is not supported"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(text, complaint, tmp_path):
    file = tmp_path / "batching.txt"
    file.write_text(text)

    with pytest.raises(StartError, match=complaint):
        read_batching_parameters(file)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(StartError, match=r"none\.txt"):
        read_batching_parameters(tmp_path / "none.txt")


def test_a_batch_is_padded_to_the_next_allowed_size():
    parameters = BatchingParameters(max_batch_size=8, allowed_batch_sizes=(2, 8))

    assert [parameters.padded(rows) for rows in (0, 1, 2, 3, 8)] == [0, 2, 2, 8, 8]
    assert BatchingParameters().padded(3) == 3
