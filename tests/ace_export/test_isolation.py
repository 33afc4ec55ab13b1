from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

from ace_export import rare_files
from ace_export.isolation import in_place, isolate

Answer = Callable[[list[bytes]], dict[str, np.ndarray]]

BAD = {
    "empty": lambda golden: b"",
    "garbage": lambda golden: b"not an image",
    "shorter than any signature": lambda golden: b"\xff\xd8",
    "truncated JPEG": lambda golden: golden["jpeg quality 90"][:-2000],
    "JPEG signature only": lambda golden: b"\xff\xd8\xff",
    "truncated PNG": lambda golden: golden["png"][:2000],
    "truncated BMP": lambda golden: golden["bmp"][:2000],
    "truncated WebP": lambda golden: golden["webp"][:200],
    "truncated GIF": lambda golden: golden["gif"][:-200],
    "truncated CMYK JPEG": lambda golden: golden["cmyk"][:-300],
    "bomb": lambda golden: golden["jpeg of 3.6 gigapixels"],
    "unsupported": lambda golden: rare_files.bmp(np.zeros((2, 4), np.uint8), 2, 16),
}


@pytest.mark.parametrize("place", [0, 1, 3], ids=["first", "middle", "last"])
@pytest.mark.parametrize("kind", BAD)
def test_a_bad_image_leaves_its_neighbours_answers_unchanged(
    answer: Answer, faces: list[bytes], golden_images: dict[str, bytes], kind: str, place: int
):
    alone = answer(faces)["prob_fake"]

    outputs = answer([*faces[:place], BAD[kind](golden_images), *faces[place:]])

    neighbours = [i for i in range(4) if i != place]
    np.testing.assert_allclose(outputs["prob_fake"][neighbours], alone, atol=1e-6)
    assert np.unique(alone.round(3)).size == 3  # or an answer in the wrong place would go unseen
    assert not any(outputs["error"][neighbours])
    assert all(outputs["label"][neighbours])
    assert np.isnan(outputs["prob_fake"][place])
    assert outputs["label"][place] == b""
    assert outputs["error"][place]


@pytest.mark.parametrize("count", [1, 2, 8])
def test_a_batch_of_nothing_but_bad_images_is_answered(answer: Answer, count: int):
    outputs = answer([b"not an image"] * count)

    assert np.isnan(outputs["prob_fake"]).tolist() == [True] * count
    assert outputs["label"].tolist() == [b""] * count
    assert outputs["error"].tolist() == [b"not an image (JPEG, PNG, BMP, WebP or GIF)"] * count


def test_an_empty_batch_is_answered_with_no_rows(answer: Answer):
    outputs = answer([])

    assert {name: value.shape for name, value in outputs.items()} == {"prob_fake": (0,), "label": (0,), "error": (0,)}


def test_good_images_have_no_error(answer: Answer, faces: list[bytes]):
    outputs = answer(faces)

    assert outputs["error"].tolist() == [b""] * 3
    assert set(outputs["label"].tolist()) <= {b"real", b"fake"}
    assert np.isfinite(outputs["prob_fake"]).all()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"hello", "not an image (JPEG, PNG, BMP, WebP or GIF)"),
        (b"\xff\xd8\xff\xe0 and no more", "truncated or corrupt JPEG"),
        (b"\x89PNG\r\n\x1a\n", "truncated or corrupt PNG"),
        (b"BM and no more", "truncated or corrupt BMP"),
        (b"RIFF\0\0\0\0WEBP", "truncated or corrupt WebP"),
        (b"GIF89a", "truncated or corrupt GIF"),
    ],
)
def test_the_reason_is_what_the_first_bytes_tell(data: bytes, reason: str):
    assert isolate(tf.constant([data]), (96, 96)).errors.numpy().tolist() == [reason.encode()]


def test_each_refusal_says_what_was_met(golden_images: dict[str, bytes]):
    names = ["jpeg of 3.6 gigapixels", "png", "bmp", "empty", "text", "jpeg truncated"]

    errors = isolate(tf.constant([golden_images[name] for name in names]), (96, 96), max_pixels=10_799).errors

    assert [error.decode() for error in errors.numpy()] == [
        "JPEG of 60000×60000 pixels, more than the 10799 allowed",
        "PNG of 90×120 pixels, more than the 10799 allowed",
        "BMP of 90×120 pixels, more than the 10799 allowed",
        "empty",
        "not an image (JPEG, PNG, BMP, WebP or GIF)",
        "JPEG of 90×120 pixels, more than the 10799 allowed",
    ]


def test_images_are_stretched_to_a_height_and_a_width(faces: list[bytes]):
    assert isolate(tf.constant(faces), (50, 70)).pixels.shape == (3, 50, 70, 3)


def test_the_rows_of_a_batch_are_its_good_images_in_order_then_black_ones(faces: list[bytes]):
    images, places, _ = isolate(tf.constant([b"", faces[0], b"x", faces[1]]), (96, 96))

    assert images.shape == (4, 96, 96, 3)
    assert places.numpy().tolist() == [1, 3, 4, 4]
    assert [bool(image.any()) for image in images.numpy()] == [True, True, False, False]


def test_answers_go_back_to_where_their_images_stood():
    answers = in_place(tf.constant([0.1, 0.3, 9.0, 9.0]), tf.constant([1, 3, 4, 4]), missing=-1.0)

    np.testing.assert_allclose(answers, [-1, 0.1, -1, 0.3])
