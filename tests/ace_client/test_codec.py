import pytest

from ace_client.codec import batches, model_spec, predict_request


def numbered(*sizes: int) -> list[tuple[int, bytes]]:
    return [(position, bytes(size)) for position, size in enumerate(sizes)]


def sizes_of(found) -> list[list[int]]:
    return [[len(image) for _, image in batch] for batch in found]


def test_batches_hold_at_most_so_many_images():
    assert sizes_of(batches(numbered(1, 2, 3, 4, 5), max_images=2)) == [[1, 2], [3, 4], [5]]


def test_batches_hold_at_most_so_many_bytes():
    assert sizes_of(batches(numbered(4, 5, 1, 1), max_images=9, max_bytes=9)) == [[4, 5], [1, 1]]


def test_an_image_larger_than_a_batch_goes_alone():
    assert sizes_of(batches(numbered(1, 20, 1), max_images=9, max_bytes=9)) == [[1], [20], [1]]


def test_no_images_make_no_batch():
    assert list(batches([], max_images=9)) == []


def test_images_are_read_only_when_their_batch_is_due():
    read = []
    images = ((position, bytes(read.append(position) or 1)) for position in range(100))

    next(batches(images, max_images=4))

    assert read == [0, 1, 2, 3, 4]


def test_a_version_a_label_or_neither_is_asked_for():
    assert str(model_spec("m", version=0)) == 'name: "m"\nversion {\n}\n'
    assert str(model_spec("m", label="stable")) == 'name: "m"\nversion_label: "stable"\n'
    assert str(model_spec("m")) == 'name: "m"\n'


def test_version_and_label_together_are_refused():
    with pytest.raises(ValueError, match="version 3 and label 'stable' were both given"):
        model_spec("m", version=3, label="stable")


def test_a_request_is_this_text():
    assert str(predict_request(model_spec("detector"), [b"jpeg", b"png"])) == (
        'model_spec {\n  name: "detector"\n  signature_name: "serving_default"\n}\n'
        'inputs {\n  key: "image_bytes"\n  value {\n    dtype: DT_STRING\n    tensor_shape {\n'
        "      dim {\n        size: 2\n      }\n    }\n"
        '    string_val: "jpeg"\n    string_val: "png"\n  }\n}\n'
    )
