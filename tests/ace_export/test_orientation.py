import struct

import cv2
import numpy as np
import pytest
import tensorflow as tf

from ace_export import golden, pixels, rare_files
from ace_export.decoding import orientation
from ace_export.rare_files import exif, jpeg_with_exif, png_with_chunk, webp_with_exif

IMAGE = golden.scene(np.random.default_rng(0), 40, 60)
JPEG, PNG = (cv2.imencode(suffix, IMAGE)[1].tobytes() for suffix in (".jpg", ".png"))
WEBP = cv2.imencode(".webp", IMAGE, [cv2.IMWRITE_WEBP_QUALITY, 101])[1].tobytes()


def directory(*entries: tuple[int, int, int, int], count: int | None = None) -> bytes:
    """A little-endian TIFF block of entries: tag, type, count, value."""
    content = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries) if count is None else count) + content


ORIENTATION_6 = (0x112, 3, 1, 6)

BLOCKS = {
    **{f"{number} {order}": exif(number, byte_order=order) for number in range(10) for order in "<>"},
    "no directory": b"II*\0",
    "nothing": b"",
    "one byte": b"I",
    "not TIFF": b"II+\0" + exif(6)[4:],
    "other letters": b"XX" + exif(6, byte_order=">")[2:],
    "directory far beyond": b"II*\0\xff\xff\xff\xff",
    "directory inside the header": b"II*\0\0\0\0\0" + bytes(40),
    "more entries than bytes": directory(ORIENTATION_6, count=65535),
    "the last entry cut behind its value": exif(6)[:20],
    "the last entry cut in its value": exif(6)[:19],
    "two orientations": directory((0x112, 3, 1, 3), ORIENTATION_6),
    "a maker's name that lies elsewhere": directory((0x10F, 2, 100, 0xFFFF), ORIENTATION_6),
    "a short maker's name": directory((0x10F, 2, 4, 0), ORIENTATION_6),
    "a resolution that lies elsewhere": directory((0x11A, 5, 1, 0xFFFF), ORIENTATION_6),
    "an unknown tag that lies elsewhere": directory((0x9999, 2, 100, 0xFFFF), ORIENTATION_6),
    "no orientation": directory((0x128, 3, 1, 2)),
}


def of_opencv(data: bytes) -> np.ndarray:
    return cv2.cvtColor(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


@pytest.mark.parametrize("name", BLOCKS)
def test_a_block_turns_a_jpeg_as_it_does_in_opencv(name: str):
    data = jpeg_with_exif(JPEG, BLOCKS[name])

    np.testing.assert_array_equal(pixels.decode(tf.constant(data)), of_opencv(data))


SEGMENT = jpeg_with_exif(b"\xff\xd8", exif(6))[2:]

PLACES = {
    "behind another segment": JPEG[:2] + b"\xff\xe0\0\x04ab" + SEGMENT + JPEG[2:],
    "behind fill bytes": JPEG[:2] + b"\xff\xff\xff" + SEGMENT + JPEG[2:],
    "behind stray bytes": JPEG[:2] + b"\xff\xe0\0\x04abzz" + SEGMENT + JPEG[2:],
    "just before the scan": SEGMENT.join(JPEG.partition(b"\xff\xda")[::2]).replace(SEGMENT, SEGMENT + b"\xff\xda"),
    "behind the scan": JPEG[:-2] + SEGMENT + JPEG[-2:],
    "before another": jpeg_with_exif(jpeg_with_exif(JPEG, exif(3)), exif(6)),
    "behind one without": jpeg_with_exif(jpeg_with_exif(JPEG, exif(3)), BLOCKS["no orientation"]),
    "in another application's segment": JPEG[:2] + SEGMENT.replace(b"\xff\xe1", b"\xff\xe2") + JPEG[2:],
    "PNG": png_with_chunk(PNG, b"eXIf", exif(6)),
    "PNG, behind the pixels": png_with_chunk(PNG, b"eXIf", exif(6), before=b"IEND"),
    "PNG, behind many chunks": png_with_chunk(PNG, b"eXIf", exif(7)).replace(b"IDAT", b"IDAT", 1),
    "PNG, the name in another chunk": png_with_chunk(PNG, b"tEXt", b"Comment\0eXIf" + exif(6)),
    "WebP": webp_with_exif(WEBP, exif(6), 60, 40),
    "WebP, not announced": webp_with_exif(WEBP, exif(6), 60, 40).replace(b"VP8X\n\0\0\0\x08", b"VP8X\n\0\0\0\0"),
    "WebP, with the name of JPEG's segment": webp_with_exif(WEBP, b"Exif\0\0" + exif(6), 60, 40),
}


@pytest.mark.parametrize("name", PLACES)
def test_an_orientation_counts_where_opencv_looks_for_it(name: str):
    np.testing.assert_array_equal(pixels.decode(tf.constant(PLACES[name])), of_opencv(PLACES[name]))


def test_the_eight_orientations_are_eight_images():
    image = tf.constant(IMAGE)

    turned = {orientation.turned(image, tf.constant(number)).numpy().tobytes() for number in range(1, 9)}

    assert len(turned) == 8


def test_a_header_of_nothing_but_fill_bytes_ends():
    data = b"\xff\xd8" + b"\xff" * 100_000 + b"Exif\0\0"

    assert orientation.of_jpeg(tf.constant(data)).numpy() == 0


def test_a_png_of_nothing_but_empty_chunks_ends():
    data = PNG[:33] + rare_files.png_with_chunk(PNG, b"aaAa", b"")[33:45] * 50_000 + b"eXIf"

    assert tf.function(orientation.of_png)(tf.constant(data)).numpy() == 0  # as a graph: eagerly it takes minutes
