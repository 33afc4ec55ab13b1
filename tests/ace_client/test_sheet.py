import sys

import pytest
from PIL import Image

from ace_client.command.errors import CommandError
from ace_client.command.rows import Row
from ace_client.command.sheet import TILES, Sheet
from ace_client.command.tally import Tally

RED, GREEN, GREY = (198, 40, 40), (46, 139, 61), (138, 138, 138)
BLUE = (0, 0, 255)


def row(file, prob_fake=None):
    if prob_fake is None:
        return Row(str(file), None, None, "detector", None, "cannot be read")
    return Row(str(file), prob_fake, "fake" if prob_fake >= 0.5 else "real", "detector", 1, None)


def drawn(path, rows):
    """The page with the rows as pixels; the first tile's corner is at 8, 36, the next one's 168 to the right."""
    sheet, tally = Sheet(path), Tally()
    for each in rows:
        sheet.add(each)
        tally.add(each)
    sheet.write(tally)
    with Image.open(path) as page:
        return page.convert("RGB")


def corners(page, count):
    return [page.getpixel((8 + 168 * place, 36)) for place in range(count)]


def test_images_are_framed_by_label_from_the_highest_score_to_the_unreadable(tmp_path):
    image = tmp_path / "face.png"
    Image.new("RGB", (40, 40), BLUE).save(image)

    page = drawn(tmp_path / "sheet", [row("gone.jpg"), row(image, 0.25), row(image, 0.75)])

    assert corners(page, 3) == [RED, GREEN, GREY]
    centres = [page.getpixel((8 + 168 * place + 80, 36 + 80)) for place in range(2)]
    assert centres == [BLUE, BLUE]


def test_an_image_is_shown_upright_and_in_its_proportions(tmp_path):
    image = tmp_path / "face.jpg"
    rotated = Image.Exif()
    rotated[0x0112] = 6  # to be turned by a quarter: what is wide in the file is high
    Image.new("RGB", (80, 20), BLUE).save(image, exif=rotated)

    page = drawn(tmp_path / "sheet.png", [row(image, 0.75)])

    assert page.getpixel((8 + 80, 36 + 8))[2] > 200
    assert page.getpixel((8 + 8, 36 + 80)) == (255, 255, 255)


@pytest.mark.parametrize("content", [None, b"", b"\x89PNG\r\n\x1a\n cut off", b"GIF89a"])
def test_an_image_that_only_the_server_reads_has_its_score_without_a_preview(tmp_path, content):
    image = tmp_path / "face.png"
    if content is not None:
        image.write_bytes(content)

    assert corners(drawn(tmp_path / "sheet.png", [row(image, 0.75)]), 1) == [RED]


def test_of_many_images_the_highest_scores_are_shown(tmp_path):
    page = drawn(tmp_path / "sheet.png", [row("gone.jpg", number / 1000) for number in range(1000)])

    last = page.getpixel((8 + 168 * 9, 36 + 208 * (TILES // 10 - 1)))
    assert page.size == (168 * 10 + 8, 36 + 208 * TILES // 10 + 8)
    assert last == RED


def test_no_image_at_all_is_an_empty_page(tmp_path):
    assert drawn(tmp_path / "sheet.png", []).size[1] == 36 + 8


def test_without_pillow_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)

    with pytest.raises(CommandError, match=r"pip install 'ace-detector\[sheet\]'"):
        Sheet(tmp_path / "sheet.png")


@pytest.mark.parametrize("name", [".", "gone/sheet.png"])
def test_a_place_where_no_file_can_be_is_an_error_before_anything_is_asked(tmp_path, name):
    with pytest.raises(CommandError, match="cannot be written: name a file in a folder that is there"):
        Sheet(tmp_path / name)
