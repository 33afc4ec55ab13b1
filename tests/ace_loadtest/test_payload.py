import cv2
import numpy as np
import pytest

from ace_loadtest.errors import NoImages
from ace_loadtest.payload import MAX_IMAGES, Mix, Payload, draw_images, images_of, marked, read_images
from ace_loadtest.shares import parse

KINDS = "40x30.jpg,40x30.png,40x30.webp,40x30.gif"
IMAGES = [b"\xff\xd8first image", b"\xff\xd8second image"]


def pixels(image: bytes):
    return cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR)


def payload(mix: Mix, weights=(1.0,), seed=0) -> Payload:
    return Payload(IMAGES, mix, weights, seed)


def test_images_are_found_in_folders_below_in_the_order_of_their_paths(tmp_path):
    for name in ("b/2.PNG", "a/1.jpg", "notes.txt", "c.webp"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(name)

    assert images_of(tmp_path, seed=0) == [b"a/1.jpg", b"b/2.PNG", b"c.webp"]


def test_many_images_are_thinned_evenly(tmp_path):
    for number in range(MAX_IMAGES + 1):
        (tmp_path / f"{number:04}.jpg").write_text(str(number))

    assert read_images(tmp_path) == [str(number).encode() for number in range(0, MAX_IMAGES + 1, 2)]


def test_a_folder_that_is_not_there_is_said(tmp_path):
    with pytest.raises(NoImages, match="gone is no folder"):
        read_images(tmp_path / "gone")


def test_a_folder_without_images_is_said(tmp_path):
    (tmp_path / "notes.txt").write_text("no image")

    with pytest.raises(NoImages, match="holds no image"):
        read_images(tmp_path)


def test_images_are_drawn_in_the_kinds_and_shares_that_were_asked_for():
    drawn = draw_images(parse("40x30.jpg=3,20x10.png=1", str), seed=1)

    shapes = [pixels(image).shape for image in drawn]
    assert set(shapes) == {(30, 40, 3), (10, 20, 3)}
    assert shapes.count((30, 40, 3)) > shapes.count((10, 20, 3))
    assert drawn == draw_images(parse("40x30.jpg=3,20x10.png=1", str), seed=1)


@pytest.mark.parametrize("kind", ["40x30", "x.jpg", "40x30.tiff", "jpg"])
def test_what_is_no_kind_of_image_is_said(kind):
    with pytest.raises(ValueError, match="no kind of image"):
        draw_images(parse(kind, str), seed=0)


@pytest.mark.parametrize("kind", [*KINDS.split(","), "bmp"])
def test_a_mark_makes_the_bytes_unique_and_leaves_the_pixels(kind):
    [image, *_] = draw_images(parse(KINDS.split(",")[0] if kind == "bmp" else kind, str), seed=0)
    if kind == "bmp":
        image = cv2.imencode(".bmp", pixels(image))[1].tobytes()

    first, second = marked(image, 1), marked(image, 2)

    assert len({image, first, second}) == 3
    assert np.array_equal(pixels(first), pixels(image))
    assert np.array_equal(pixels(second), pixels(image))


def test_no_two_images_of_a_load_are_alike():
    made = payload(Mix(images=parse("3", int)))
    requests = [made.request(number) for number in range(200)]

    assert len({image for request in requests for image in request.images}) == 600


def test_images_are_sent_as_they_are_where_that_is_asked_for():
    made = payload(Mix(unique=False))

    assert {made.request(number).images[0] for number in range(50)} == set(IMAGES)


def test_requests_have_images_and_targets_by_their_shares():
    made = payload(Mix(images=parse("1=3,8=1", int)), weights=(1.0, 4.0))
    requests = [made.request(number) for number in range(4000)]

    assert np.mean([len(request.images) == 8 for request in requests]) == pytest.approx(0.25, abs=0.03)
    assert np.mean([request.target == 1 for request in requests]) == pytest.approx(0.8, abs=0.03)


def test_a_share_of_requests_holds_what_no_decoder_reads():
    made = payload(Mix(bad=0.1))
    requests = [made.request(number) for number in range(4000)]

    bad = [request for request in requests if not request.good]
    assert len(bad) / 4000 == pytest.approx(0.1, abs=0.02)
    assert all(pixels(request.images[0]) is None for request in bad[:10])


def test_the_same_number_is_the_same_request_in_whichever_process():
    mix = Mix(images=parse("1,2", int), bad=0.5)

    first, again, other = payload(mix), payload(mix), payload(mix, seed=1)

    assert first.request(70_000) == again.request(70_000)
    assert [first.request(number).good for number in range(50)] != [other.request(number).good for number in range(50)]


@pytest.mark.parametrize("wrong", [{"images": parse("0", int)}, {"images": parse("257", int)}, {"bad": 1.1}])
def test_what_cannot_be_mixed_is_said(wrong):
    with pytest.raises(ValueError, match=r"images|share"):
        Mix(**wrong)
