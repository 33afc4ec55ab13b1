"""Image files of the kinds that OpenCV reads and does not write, put together byte by byte."""

import struct
import zlib
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


def exif(orientation: int, *, byte_order: str = "<") -> bytes:
    """A TIFF block that holds an orientation and nothing else; `byte_order` as `struct` has it, < or >."""
    start = {"<": b"II*\0", ">": b"MM\0*"}[byte_order]
    return start + struct.pack(byte_order + "IHHHIHHI", 8, 1, 0x112, 3, 1, orientation, 0, 0)


def jpeg_with_exif(jpeg: bytes, block: bytes) -> bytes:
    """The JPEG with an APP1 segment put first."""
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 8) + b"Exif\0\0" + block + jpeg[2:]


def png_with_chunk(png: bytes, name: bytes, content: bytes, *, before: bytes = b"IDAT") -> bytes:
    """The PNG with one more chunk."""
    place = png.index(before) - 4
    return png[:place] + _chunk(name, content) + png[place:]


def webp_with_exif(webp: bytes, block: bytes, width: int, height: int) -> bytes:
    """The simple WebP (without alpha) in the extended form, which has room for more chunks."""
    extended = struct.pack("<I", 8) + struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    content = b"VP8X" + struct.pack("<I", 10) + extended + webp[12:] + b"EXIF" + struct.pack("<I", len(block)) + block
    return b"RIFF" + struct.pack("<I", len(content) + 4) + b"WEBP" + content


def cmyk_jpeg(planes: Sequence[Pixels], *, quality: int = 90, transform: int | None = None) -> bytes:
    """A JPEG of four channels, from as many grey ones: a scan for each. `transform` is what Adobe's marker names."""
    parts = [
        _segments(cv2.imencode(".jpg", plane, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()) for plane in planes
    ]
    height, width = planes[0].shape
    adobe = b"" if transform is None else b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0" + bytes([transform])
    channels = b"".join(bytes([number, 0x11, 0]) for number in (1, 2, 3, 4))
    frame = b"\xff\xc0" + struct.pack(">HBHHB", 20, 8, height, width, 4) + channels
    scans = b"".join(
        b"\xff\xda\0\x08\1" + bytes([number]) + b"\0\0\x3f\0" + data for number, (_, data) in enumerate(parts, 1)
    )
    return b"\xff\xd8" + adobe + parts[0][0] + frame + scans + b"\xff\xd9"


def palette_png(indices: Pixels, colours: Pixels, *, alpha: bytes = b"") -> bytes:
    """uint8[height, width], uint8[k, 3] in RGB → a PNG of 8 bits with a palette."""
    height, width = indices.shape
    rows = zlib.compress(b"".join(b"\0" + row.tobytes() for row in indices))
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)), (b"PLTE", colours.tobytes())]
    chunks += [(b"tRNS", alpha)] if alpha else []
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in [*chunks, (b"IDAT", rows), (b"IEND", b"")])


def bmp(rows: Pixels, width: int, bits: int, *, colours: Pixels | None = None, compression: int = 0) -> bytes:
    """uint8[height, bytes in a row], uint8[k, 4] in BGR0 → a BMP whose rows go upwards."""
    palette, body = b"" if colours is None else colours.tobytes(), rows.tobytes()
    offset = 54 + len(palette)
    entries = 0 if colours is None else len(colours)
    head = b"BM" + struct.pack("<IHHI", offset + len(body), 0, 0, offset)
    head += struct.pack("<IiiHHIIiiII", 40, width, len(rows), 1, bits, compression, len(body), 0, 0, entries, 0)
    return head + palette + body


def gif(indices: Pixels, colours: Pixels, *, transparent: int | None = None, background: int = 0) -> bytes:
    """uint8[height, width] below 128, uint8[128, 3] in RGB → a GIF whose codes are all of 8 bits."""
    height, width = indices.shape
    screen = b"GIF89a" + struct.pack("<HHBBB", width, height, 0xF6, background, 0) + colours.tobytes()
    control = b"" if transparent is None else b"\x21\xf9\4\1\0\0" + bytes([transparent, 0])
    flat = indices.tobytes()
    runs = (
        b"".join(b"\x80" + flat[start : start + 120] for start in range(0, len(flat), 120)) + b"\x81"
    )  # clear, …, end
    blocks = b"".join(bytes([len(run)]) + run for run in (runs[at : at + 255] for at in range(0, len(runs), 255)))
    return screen + control + b"\x2c" + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\7" + blocks + b"\0\x3b"


def enlarged(jpeg: bytes, height: int, width: int) -> bytes:
    """The JPEG with another size stated in its header than it has."""
    place = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:place] + struct.pack(">HH", height, width) + jpeg[place + 4 :]


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _segments(jpeg: bytes) -> tuple[bytes, bytes]:
    """The tables of a grey JPEG, and its scan's data."""
    at, tables = 2, b""
    while jpeg[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
        tables += jpeg[at:end] if jpeg[at + 1] in (0xDB, 0xC4) else b""
        at = end
    return tables, jpeg[at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big") : -2]
