import io

import cv2
import numpy as np
import pytest

from ace_client.errors import ImageError
from ace_client.images import encode, several, to_bmp


@pytest.mark.parametrize("width", [1, 2, 3, 4, 5, 299])  # rows are filled to four bytes: 3, 2, 1, 0, 1, 3 of them
def test_bmp_holds_exactly_the_pixels(width):
    pixels = np.random.default_rng(width).integers(0, 256, (7, width, 3), np.uint8)

    decoded = cv2.imdecode(np.frombuffer(to_bmp(pixels), np.uint8), cv2.IMREAD_COLOR)

    np.testing.assert_array_equal(decoded[..., ::-1], pixels)


def test_bmp_holds_pixels_that_lie_scattered_in_memory():
    bgr = np.random.default_rng(0).integers(0, 256, (9, 8, 3), np.uint8)

    assert to_bmp(bgr[::2, ::-1, ::-1]) == to_bmp(np.ascontiguousarray(bgr[::2, ::-1, ::-1]))


def test_bmp_of_one_pixel_is_this_text():
    header = "424d3a0000000000000036000000280000000100000001000000010018000000000004000000" + 16 * "00"

    assert to_bmp(np.array([[[255, 128, 1]]], np.uint8)).hex() == header + "0180ff00"


def test_files_and_bytes_are_sent_as_they_are(tmp_path):
    path = tmp_path / "face.jpg"
    path.write_bytes(b"jpeg")

    assert [encode(path), encode(str(path)), encode(b"jpeg"), encode(bytearray(b"jpeg"))] == [b"jpeg"] * 4


def test_an_open_file_is_read_from_where_it_stands(tmp_path):
    path = tmp_path / "face.jpg"
    path.write_bytes(b"jpeg")

    with path.open("rb") as file:
        assert encode(file) == b"jpeg"
    with path.open() as file, pytest.raises(TypeError, match="open it with mode 'rb'"):
        encode(file)
    assert encode(io.BytesIO(b"jpeg")) == b"jpeg"


def test_a_file_that_cannot_be_read_says_which_and_why(tmp_path):
    with pytest.raises(ImageError, match=r"cannot read .*gone\.jpg: No such file or directory"):
        encode(tmp_path / "gone.jpg")


@pytest.mark.parametrize("name", ["a\0b.jpg", "\ud800.jpg"])
def test_a_name_that_no_file_has_says_so(name):
    with pytest.raises(ImageError, match=r"^cannot read '.*\.jpg': no file has such a name \("):
        encode(name)


def test_an_image_larger_than_a_message_is_refused():
    with pytest.raises(ImageError, match="300 MiB do not fit into a message"):
        encode(bytes(300 * 2**20))


@pytest.mark.parametrize(
    ("image", "error", "message"),
    [
        (7, TypeError, "not int"),
        (np.zeros((4, 4, 3), np.float32), TypeError, "not float32"),
        (np.zeros((4, 4), np.uint8), ValueError, r"not \[4, 4\]"),
        (np.zeros((4, 4, 4), np.uint8), ValueError, r"not \[4, 4, 4\]"),
        (np.zeros((0, 4, 3), np.uint8), ValueError, r"not \[0, 4, 3\]"),
    ],
)
def test_what_is_no_image_is_a_bug_of_the_caller(image, error, message):
    with pytest.raises(error, match=message):
        encode(image)


@pytest.mark.parametrize(
    "image", ["a.jpg", b"jpeg", bytearray(b"jpeg"), io.BytesIO(b"a\nb\n"), np.zeros((4, 4, 3), np.uint8)]
)
def test_one_image_is_not_taken_for_several(image):
    assert len(list(several(image))) == 1


def test_a_stack_of_arrays_is_several_images():
    assert [image.shape for image in several(np.zeros((2, 4, 5, 3), np.uint8))] == [(4, 5, 3)] * 2
