import pytest

from ace_client import Verdict
from ace_client.splitting import Limits, Splitter, parts

UNREADABLE = Verdict(0.0, "", None, "gone")


def sizes_of(sizes: list[int], limits: Limits) -> list[list[int]]:
    return [[len(image) for image in part] for part in parts([bytes(size) for size in sizes], limits)]


def test_batches_hold_at_most_so_many_images():
    assert sizes_of([1, 2, 3, 4, 5], Limits(2)) == [[1, 2], [3, 4], [5]]


def test_batches_hold_at_most_so_many_bytes():
    assert sizes_of([4, 5, 1, 1], Limits(9, max_bytes=9)) == [[4, 5], [1, 1]]


def test_an_image_larger_than_a_batch_goes_alone():
    assert sizes_of([1, 20, 1], Limits(9, max_bytes=9)) == [[1], [20], [1]]


def test_no_images_make_no_batch():
    assert sizes_of([], Limits(9)) == []


def test_what_cannot_be_sent_keeps_its_place_between_the_answers():
    splitter = Splitter(Limits(4))

    [batch] = [batch for each in (b"a", UNREADABLE, b"b", b"c") for batch in splitter.add(each)]

    first, second, third = (Verdict(share, "real", 1) for share in (0.1, 0.2, 0.3))
    assert batch.images == [b"a", b"b", b"c"]
    assert batch.merged([first, second, third]) == [first, UNREADABLE, second, third]


@pytest.mark.parametrize(
    ("refusal", "sizes", "after"),
    [
        ("Task size 8 is larger than maximum input batch size 4", [1] * 8, [[1] * 4, [1] * 4]),
        ("SERVER: Received message larger than max (80 vs. 50)", [20] * 4, [[20, 20], [20, 20]]),
        ("SERVER: Received message larger than max (80 vs. 50)", [10] * 4, [[10, 10], [10, 10]]),
    ],
)
def test_a_limit_of_the_server_is_learnt_from_its_refusal(refusal, sizes, after):
    limits = Limits(32)

    assert limits.learn(refusal, [bytes(size) for size in sizes])
    assert sizes_of(sizes, limits) == after


@pytest.mark.parametrize(
    ("refusal", "count"),
    [
        ("SERVER: Received message larger than max (80 vs. 50)", 1),
        ("input size does not match signature: 1!=2", 8),
    ],
)
def test_a_refusal_that_smaller_requests_would_meet_too_teaches_nothing(refusal, count):
    assert not Limits(32).learn(refusal, [b"image"] * count)
