import struct

import cv2
import numpy as np
import pytest
import tensorflow as tf

from ace_export import golden, rare_files
from ace_export.decoding import headers
from ace_export.settings import DEFAULT_MAX_PIXELS

GOLDEN = {image.name: image.data for image in golden.draw()}


def refusal(data: bytes, max_pixels: int = DEFAULT_MAX_PIXELS) -> str:
    return headers.refusal(tf.constant(data), max_pixels).numpy().decode()


@pytest.mark.parametrize("name", [name for name in GOLDEN if name not in ("text", "empty")])
def test_the_size_is_read_from_the_header_of_every_format(name: str):
    height, width = 60000, 60000
    if "gigapixels" not in name:
        flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
        image = cv2.imdecode(np.frombuffer(GOLDEN[name], np.uint8), flags)
        height, width = (120, 90) if image is None else image.shape[:2]
    first = name.split()[0]
    kind = {"exif": "JPEG", "cmyk": "JPEG", "ycck": "JPEG", "webp": "WebP"}.get(first, first.upper())

    assert refusal(GOLDEN[name], 1) == f"{kind} of {width}×{height} pixels, more than the 1 allowed"


def test_as_many_pixels_as_allowed_are_not_refused():
    assert refusal(GOLDEN["png"], 120 * 90) == ""
    assert refusal(GOLDEN["png"], 120 * 90 - 1) == "PNG of 90×120 pixels, more than the 10799 allowed"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (GOLDEN["png"][:16] + struct.pack(">II", 70000, 70000), "PNG of 70000×70000 pixels"),
        (GOLDEN["png"][:16] + struct.pack(">II", 2**32 - 1, 2**32 - 1), "PNG of 4294967295×4294967295 pixels"),
        (GOLDEN["bmp"][:18] + struct.pack("<ii", 30000, -30000) + GOLDEN["bmp"][26:], "BMP of 30000×30000 pixels"),
        (b"GIF89a" + struct.pack("<HH", 65535, 65535), "GIF of 65535×65535 pixels"),
        (b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + b"\xff" * 6, "WebP of 16777216×16777216 pixels"),
        (b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f" + b"\xff" * 4, "WebP of 16384×16384 pixels"),
        (GOLDEN["jpeg of 3.6 gigapixels"], "JPEG of 60000×60000 pixels"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_bomb_is_refused_by_its_header_alone(data: bytes, reason: str):
    assert refusal(data) == reason + ", more than the 50000000 allowed"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (rare_files.bmp(np.zeros((2, 4), np.uint8), 2, 16), "BMP of 16 bits and compression 0 is not supported"),
        (
            rare_files.bmp(np.zeros((2, 4), np.uint8), 4, 8, colours=np.zeros((256, 4), np.uint8), compression=1),
            "BMP of 8 bits and compression 1 is not supported",
        ),
        (b"BM" + bytes(12) + struct.pack("<IHHHH", 12, 2, 2, 1, 24), "BMP with a header of OS/2 is not supported"),
        (rare_files.png_with_chunk(GOLDEN["png"], b"acTL", bytes(8)), "animated PNG is not supported"),
        (b"", "empty"),
        (b"\xff\x0a a JPEG XL, which TensorFlow decodes", headers.UNKNOWN),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_supported_is_refused_by_name(data: bytes, reason: str):
    assert refusal(data) == reason


def test_a_png_is_no_animation_because_its_pixels_happen_to_spell_one():
    png = rare_files.png_with_chunk(GOLDEN["png"], b"tEXt", b"Comment\0acTL", before=b"IEND")

    assert refusal(png) == ""
