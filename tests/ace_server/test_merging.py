import ml_dtypes
import numpy as np
import pytest

from ace_server.errors import FailedPrecondition
from ace_server.merging import joined, kind_of, merge


@pytest.mark.parametrize(
    "dtype", [np.float32, np.float16, ml_dtypes.bfloat16, np.int8, np.uint64, np.bool_, np.complex64, np.complex128]
)
def test_inner_dimensions_are_padded_at_their_ends_with_the_first_value_of_each_request(dtype):
    first = np.array([[[1], [0]]], dtype=dtype)
    second = np.array([[[0, 1]]], dtype=dtype)

    merged = merge([{"x": first}, {"x": second}], 2)["x"]

    assert merged.dtype == dtype
    assert merged.tolist() == np.array([[[1, 1], [0, 1]], [[0, 1], [0, 0]]], dtype=dtype).tolist()


def test_strings_are_padded_too():
    first = np.array([[b"a", b"bc"]], dtype=object)
    second = np.array([[b"def"]], dtype=object)

    assert merge([{"x": first}, {"x": second}], 2)["x"].tolist() == [[b"a", b"bc"], [b"def", b"def"]]


def test_missing_rows_are_filled_after_padding():
    merged = merge([{"x": np.array([[1]])}, {"x": np.array([[2, 3]])}], 4)["x"]

    assert merged.tolist() == [[1, 1], [2, 3], [1, 1], [1, 1]]


def test_with_padding_ranks_must_agree_and_without_it_shapes():
    narrow, wide, deep = ({"x": np.zeros(shape)} for shape in ((1, 2), (4, 3), (1, 2, 1)))

    assert kind_of(narrow, padding=True) == kind_of(wide, padding=True) != kind_of(deep, padding=True)
    assert kind_of(narrow, padding=False) != kind_of(wide, padding=False)


def test_a_tensor_that_has_no_value_to_be_padded_with_is_merged_with_its_like():
    empty, other = {"x": np.zeros((1, 0))}, {"x": np.zeros((1, 3))}

    assert kind_of(empty, padding=True) != kind_of(other, padding=True)


def test_parts_whose_outputs_do_not_fit_together_say_how_many_rows_would():
    with pytest.raises(FailedPrecondition, match=r"at most 2 rows.*Send no more"):
        joined([[np.zeros((2, 3))], [np.zeros((1, 4))]])
