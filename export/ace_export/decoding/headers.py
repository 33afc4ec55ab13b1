"""What a file says of itself before it is decoded: its format, its size, and whether it is to be refused unread."""

from typing import Final, NamedTuple

import tensorflow as tf

from .octets import big, head, little

# What the first bytes say that an image is: name, offset, bytes.
FORMATS: Final = (
    ("JPEG", 0, b"\xff\xd8\xff"),
    ("PNG", 0, b"\x89PNG"),
    ("BMP", 0, b"BM"),
    ("WebP", 8, b"WEBP"),
    ("GIF", 0, b"GIF8"),
)
UNKNOWN: Final = "not an image (JPEG, PNG, BMP, WebP or GIF)"


class Header(NamedTuple):
    """What decides on a file before it is decoded."""

    height: tf.Tensor  # int64[], as the file states it
    width: tf.Tensor
    unsupported: tf.Tensor  # string[]: the variety of its format that is not decoded, in words; else empty


def format_of(data: tf.Tensor) -> tf.Tensor:
    """Which of `FORMATS` the first bytes name, `len(FORMATS)` where none: string[...] → int32[...]."""
    start = tf.strings.substr(data, 0, 12) + b"\0" * 12  # padded, for nothing can be read beyond the end
    index = tf.fill(tf.shape(data), len(FORMATS))
    for place, (_, offset, signature) in enumerate(FORMATS):
        index = tf.where(tf.strings.substr(start, offset, len(signature)) == signature, place, index)
    return index


def refusal(data: tf.Tensor, max_pixels: int) -> tf.Tensor:
    """Why a file is not decoded, in words for its sender; empty where nothing speaks against it: string[] → string[].

    Raises:
        tf.errors.InvalidArgumentError: the bytes begin like a JPEG, and have no header of one.
    """
    index = format_of(data)
    nothing = Header(tf.constant(0, tf.int64), tf.constant(0, tf.int64), tf.constant(UNKNOWN))
    readers = [lambda read=read: tuple(read(data)) for read in READERS]
    header = Header(*tf.switch_case(index, [*readers, lambda: tuple(nothing)]))
    name = tf.constant([name for name, _, _ in FORMATS] + [""])[index]
    width, height = tf.strings.as_string(header.width), tf.strings.as_string(header.height)
    large = tf.strings.join([name, " of ", width, "×", height, f" pixels, more than the {max_pixels} allowed"])
    reason = tf.where(too_large(header, max_pixels), large, "")
    reason = tf.where(header.unsupported == "", reason, header.unsupported)
    return tf.where(data == b"", "empty", reason)


def too_large(header: Header, max_pixels: int) -> tf.Tensor:
    """Whether an image has more pixels than allowed, whatever numbers its header states: → bool[]."""
    return tf.cast(header.height, tf.float64) * tf.cast(header.width, tf.float64) > max_pixels


def of_jpeg(data: tf.Tensor) -> Header:
    """string[] → its header, as libjpeg reads it.

    Raises:
        tf.errors.InvalidArgumentError: it has none.
    """
    height, width, _ = tf.unstack(tf.cast(tf.image.extract_jpeg_shape(data), tf.int64), 3)
    return Header(height, width, tf.constant(""))


def of_png(data: tf.Tensor) -> Header:
    """string[] → its header. OpenCV may see another frame of an animation first than TensorFlow, which sees none."""
    width, height = big(head(data), (16, 4), (20, 4))
    before_pixels = tf.strings.split(data[tf.newaxis], sep=b"IDAT", maxsplit=1).flat_values[0]  # where it must stand
    return Header(height, width, tf.where(holds(before_pixels, b"acTL"), "animated PNG is not supported", ""))


def of_bmp(data: tf.Tensor) -> Header:
    """string[] → its header. A height that reads as negative means rows that go downwards."""
    fields = ((14, 4), (18, 4), (22, 4), (28, 2), (30, 4), (54, 4), (58, 4), (62, 4))
    header_bytes, width, height, bits, compression, *masks = little(head(data), *fields)
    height = tf.where(height >= 2**31, 2**32 - height, height)
    usual_masks = (bits == 32) & (compression == 3) & tf.reduce_all(tf.stack(masks) == [0xFF0000, 0xFF00, 0xFF])
    flat = (compression == 0) & tf.reduce_any(bits == tf.constant([1, 4, 8, 24, 32], tf.int64))
    variety = tf.strings.format("BMP of {} bits and compression {} is not supported", (bits, compression))
    variety = tf.where(flat | usual_masks, "", variety)
    short = tf.where(header_bytes > 0, "BMP with a header of OS/2 is not supported", "")
    return Header(height, width, tf.where(header_bytes < 40, short, variety))


def of_webp(data: tf.Tensor) -> Header:
    """string[] → its header: the canvas, the lossless or the lossy image, whichever chunk comes first."""
    fields = ((15, 1), (24, 3), (27, 3), (21, 4), (26, 2), (28, 2))
    kind, canvas_width, canvas_height, packed, lossy_width, lossy_height = little(head(data), *fields)
    sizes = tf.stack(
        [
            [canvas_height + 1, canvas_width + 1],
            [packed // 2**14 % 2**14 + 1, packed % 2**14 + 1],
            [lossy_height % 2**14, lossy_width % 2**14],
        ]
    )
    size = sizes[tf.where(kind == ord("X"), 0, tf.where(kind == ord("L"), 1, 2))]
    return Header(size[0], size[1], tf.constant(""))


def of_gif(data: tf.Tensor) -> Header:
    """string[] → its header: the screen, which holds every frame."""
    width, height = little(head(data), (6, 2), (8, 2))
    return Header(height, width, tf.constant(""))


READERS: Final = (of_jpeg, of_png, of_bmp, of_webp, of_gif)  # in the order of `FORMATS`


def holds(data: tf.Tensor, wanted: bytes) -> tf.Tensor:
    """Whether these bytes stand anywhere in a file, which is much cheaper to tell than what stands where: → bool[]."""
    return tf.size(tf.strings.split(data[tf.newaxis], sep=wanted, maxsplit=1).flat_values) > 1
