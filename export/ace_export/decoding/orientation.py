"""The EXIF orientation of a file, as OpenCV reads it, and images turned by it.

OpenCV's `ExifReader` (modules/imgcodecs/src/exif.cpp) takes the first orientation of the first directory, and gives up
on the first entry whose value lies outside of the block. An orientation that cannot be read is 1: upright.
"""

from collections.abc import Callable

import tensorflow as tf

from .branches import OCTETS, STRING, apart
from .headers import holds
from .jpeg_segments import segments
from .octets import BEYOND, big, head, little, octets

UPRIGHT = 1
MAX_CHUNKS = 20_000  # of a PNG or WebP file

_EXIF = b"Exif\0\0"
_ORIENTATION = 0x112
_STRINGS = (0x10E, 0x10F, 0x110, 0x131, 0x132, 0x8298)
_VALUE_BYTES = {0x11A: 8, 0x11B: 8, 0x13E: 16, 0x13F: 48, 0x211: 24, 0x214: 48}  # of tags that hold fractions


def turned(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """The image as its orientation, 1 to 8, says that it is looked at; upright at any other.

    uint8[height, width, 3], int32[] → uint8[height, width, 3] or uint8[width, height, 3].
    """
    image = _where(orientation, (5, 6, 7, 8), image, lambda image: tf.transpose(image, [1, 0, 2]))
    image = _where(orientation, (2, 3, 6, 7), image, lambda image: image[:, ::-1])
    return _where(orientation, (3, 4, 7, 8), image, lambda image: image[::-1])


def _where(
    orientation: tf.Tensor, wanted: tuple[int, ...], image: tf.Tensor, turn: Callable[[tf.Tensor], tf.Tensor]
) -> tf.Tensor:
    return tf.cond(tf.reduce_any(orientation == tf.constant(wanted)), lambda: turn(image), lambda: image)


def of_jpeg(data: tf.Tensor) -> tf.Tensor:
    """That of the APP1 segments before the first scan: string[] → int32[]."""
    return tf.cond(holds(data, _EXIF), lambda: _first_of_segments(data), lambda: tf.constant(UPRIGHT))


def of_png(data: tf.Tensor) -> tf.Tensor:
    """That of the eXIf chunk: string[] → int32[]."""

    def walk() -> tf.Tensor:
        length, named = (lambda file, at: big(file, (0, 4), at=at)[0]), (lambda file, at: file[at + 4 : at + 8])
        return _of_chunk(octets(data), b"eXIf", start=8, length=length, named=named, around=12)

    return tf.cond(holds(data, b"eXIf"), walk, lambda: tf.constant(UPRIGHT))


def of_webp(data: tf.Tensor) -> tf.Tensor:
    """That of the EXIF chunk, where the file says in its header that it has one: string[] → int32[]."""

    def walk() -> tf.Tensor:
        def length(file: tf.Tensor, at: tf.Tensor) -> tf.Tensor:
            (size,) = little(file, (4, 4), at=at)
            return size + size % 2

        return _of_chunk(octets(data), b"EXIF", start=12, length=length, named=lambda f, at: f[at : at + 4], around=8)

    announced = (tf.strings.substr(data, 12, 4) == b"VP8X") & (head(data)[20] & 8 == 8)
    return tf.cond(announced, walk, lambda: tf.constant(UPRIGHT))


def _read_segments(data: tf.Tensor) -> tf.Tensor:
    """The first orientation that one of a JPEG's segments states: string[] → int32[]."""
    file = octets(data)
    found = segments(file)
    contents = tf.gather(file, tf.minimum(found.starts[:, tf.newaxis] + tf.range(4, 10), tf.size(file) - 1))
    is_exif = (found.markers == 0xE1) & tf.reduce_all(contents == _constant(_EXIF), axis=1)
    starts, ends = tf.boolean_mask(found.starts, is_exif), tf.boolean_mask(found.ends, is_exif)

    def more(index: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
        return (orientation == 0) & (index < tf.size(starts))

    def step(index: tf.Tensor, orientation: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return index + 1, _of_directory(file[starts[index] + 10 : ends[index]])

    return tf.while_loop(more, step, (tf.constant(0), tf.constant(0)))[1]


_first_of_segments = apart(_read_segments, STRING)


def _of_chunk(
    file: tf.Tensor,
    wanted: bytes,
    *,
    start: int,
    length: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
    named: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
    around: int,
) -> tf.Tensor:
    """The orientation in the first chunk of that name; `around` are the bytes of a chunk that are not its content."""
    end = tf.size(file) - BEYOND

    def more(at: tf.Tensor) -> tf.Tensor:
        return (at < end) & ~tf.reduce_all(named(file, at) == _constant(wanted))

    def step(at: tf.Tensor) -> tuple[tf.Tensor]:
        following = tf.cast(at, tf.int64) + around + length(file, at)
        return (tf.cast(tf.minimum(following, tf.cast(end, tf.int64)), tf.int32),)

    (at,) = tf.while_loop(more, step, (tf.constant(start),), maximum_iterations=MAX_CHUNKS)
    found = tf.reduce_all(named(file, at) == _constant(wanted))
    size = tf.cast(tf.minimum(length(file, at), tf.cast(end, tf.int64)), tf.int32)
    return _of_directory(file[at + 8 : tf.minimum(at + 8 + tf.where(found, size, 0), end)])


def _read_directory(block: tf.Tensor) -> tf.Tensor:
    """The orientation in a TIFF block's first directory, 0 where it has none: uint8[n] → int32[]."""
    size = tf.size(block, tf.int64)
    block = tf.pad(block, [[0, 16]])
    is_little = tf.reduce_all(block[:2] == _constant(b"II"))

    def number(octets: tf.Tensor) -> tf.Tensor:  # uint8[..., k] → int64[...]
        powers = 256 ** tf.range(tf.shape(octets, tf.int64)[-1])
        return tf.reduce_sum(tf.cast(octets, tf.int64) * tf.where(is_little, powers, powers[::-1]), axis=-1)

    start = number(block[4:8]) + 2
    valid = (number(block[2:4]) == 42) & (start <= size)
    start = tf.where(valid, start, 0)
    entries = tf.minimum(number(block[start - 2 : start]), (size - start + 11) // 12)  # the last may be cut off
    entries = tf.where(valid, entries, 0)
    table = tf.reshape(block[start : start + 12 * entries], [-1, 12])
    tags, values = number(table[:, :2]), number(table[:, 8:])
    counts = number(table[:, 4:8])

    ends = tf.where(_any_of(tags, _STRINGS), tf.where(counts > 4, values, 8) + counts, 0)
    for tag, value_bytes in _VALUE_BYTES.items():
        ends = tf.where(tags == tag, values + value_bytes, ends)
    cut_off = start + 12 * tf.range(entries) + 9 >= size
    readable = tf.math.cumsum(tf.cast((ends > size) | cut_off, tf.int32)) == 0
    found = tf.boolean_mask(number(table[:, 8:10]), readable & (tags == _ORIENTATION))
    return tf.cast(tf.reduce_sum(found[:1]), tf.int32)


_of_directory = apart(_read_directory, OCTETS)


def _any_of(tags: tf.Tensor, wanted: tuple[int, ...]) -> tf.Tensor:
    return tf.reduce_any(tags[:, tf.newaxis] == tf.constant(wanted, tf.int64), axis=1)


def _constant(text: bytes) -> tf.Tensor:
    return tf.constant(list(text), tf.uint8)
