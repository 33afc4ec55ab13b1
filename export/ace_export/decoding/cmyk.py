"""JPEGs of four channels as OpenCV reads them, from a decoder that gives only three, mixed with the fourth.

TensorFlow answers ⌊ck / 255⌋ for each c of the first three channels where a file has Adobe's marker, and
⌊(255 - c)(255 - k) / 255⌋ = 255 - c - k + ⌊ck / 255⌋ where it has none. So the difference of two decodes, with the
marker and without, is 255 - c - k. Decoded once as it is and once with its fourth channel muted (a quantization table
of zeros leaves it at 128 everywhere), a file gives its four planes exactly. OpenCV's conversion follows
(`icvCvt_CMYK2BGR_8u_C4C3R` in modules/imgcodecs/src/utils.cpp), which takes all files for inverted, as Adobe's are.
"""

from typing import NamedTuple

import tensorflow as tf

from .branches import checks
from .jpeg_segments import Segments, segments
from .octets import octets

_ADOBE = b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\0"  # no transform: the channels as they are stored
_ZEROS = b"\xff\xdb\0\x43"  # a quantization table, its number and 64 zeros to follow
_TABLES, _RESTARTS = (0xDB, 0xC4), 0xDD  # quantization, Huffman


class _Header(NamedTuple):
    tables: tf.Tensor  # string[]
    frame: tf.Tensor  # string[]: with the fourth channel's own quantization table
    muted_frame: tf.Tensor  # string[]: with a table of zeros for it
    scans: tf.Tensor  # string[]: from the first one on
    is_ycck: tf.Tensor  # bool[]


def decode_cmyk(data: tf.Tensor) -> tf.Tensor:
    """string[] → uint8[height, width, 3], RGB.

    Raises:
        tf.errors.InvalidArgumentError: the bytes are no JPEG of four channels, or a broken one.
    """
    header = _header(data)
    muted = 127 - _difference(header, header.muted_frame)[0]
    difference, product = _difference(header, header.frame)
    black = (255 - difference - muted)[..., :1]
    consistent = tf.reduce_all(tf.math.floordiv(black * muted, 255) == product)
    with tf.control_dependencies(checks((consistent, "the channels of a CMYK JPEG cannot be told apart"))):
        colours = tf.cond(header.is_ycck, lambda: _cmy_of_ycc(muted), lambda: muted)
        return tf.cast(black - tf.bitwise.right_shift((255 - colours) * black, 8), tf.uint8)


def _difference(header: _Header, frame: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """255 - c - k, and ⌊ck / 255⌋: int32[height, width, 3] each."""
    marked = _decoded(b"\xff\xd8" + _ADOBE + header.tables + frame + header.scans)
    return _decoded(b"\xff\xd8" + header.tables + frame + header.scans) - marked, marked


def _decoded(data: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.io.decode_jpeg(data, channels=3, dct_method="INTEGER_ACCURATE"), tf.int32)


def _header(data: tf.Tensor) -> _Header:
    """What the decoder needs of a file's header, without its application segments."""
    file = octets(data)
    found = segments(file)
    is_frame = (found.markers >= 0xC0) & (found.markers <= 0xCF) & (found.markers != 0xC4) & (found.markers != 0xC8)
    frame = tf.boolean_mask(found.starts, is_frame)[0]
    selectors = tf.gather(file, frame + tf.constant([12, 15, 18]))  # of the other channels' quantization tables
    used = tf.reduce_any(tf.range(4)[:, tf.newaxis] == tf.cast(selectors, tf.int32), axis=1)
    number = tf.boolean_mask(tf.constant([bytes([number]) for number in range(4)]), ~used)[0]
    up_to_selector = tf.strings.substr(data, frame, 21)
    return _Header(
        tables=_joined(data, found),
        frame=up_to_selector + tf.strings.substr(data, frame + 21, 1),
        muted_frame=up_to_selector + number + _ZEROS + number + b"\0" * 64,
        scans=tf.strings.substr(data, found.starts[-1], tf.strings.length(data)),
        is_ycck=_is_ycck(file, found),
    )


def _joined(data: tf.Tensor, found: Segments) -> tf.Tensor:
    """The tables and the restart interval, one after the other."""
    wanted = tf.reduce_any(found.markers[:, tf.newaxis] == tf.constant([*_TABLES, _RESTARTS]), axis=1)
    starts, ends = tf.boolean_mask(found.starts, wanted), tf.boolean_mask(found.ends, wanted)
    return tf.strings.reduce_join(tf.strings.substr(tf.fill(tf.shape(starts), data), starts, ends - starts))


def _is_ycck(file: tf.Tensor, found: Segments) -> tf.Tensor:
    """Whether the last marker of Adobe names a transform, as libjpeg asks."""
    starts = tf.boolean_mask(found.starts, found.markers == 0xEE)
    content = tf.gather(file, tf.minimum(starts[:, tf.newaxis] + tf.range(4, 16), tf.size(file) - 1))
    is_adobe = tf.reduce_all(content[:, :5] == tf.constant(list(b"Adobe"), tf.uint8), axis=1)
    transforms = tf.concat([tf.zeros([1], tf.uint8), tf.boolean_mask(content[:, 11], is_adobe)], axis=0)
    return transforms[-1] != 0


def _cmy_of_ycc(planes: tf.Tensor) -> tf.Tensor:
    """Libjpeg's `ycck_cmyk_convert` (jdcolor.c), in its fixed-point numbers: int32[height, width, 3] → the same."""
    light, blue, red = planes[..., 0], planes[..., 1] - 128, planes[..., 2] - 128
    half, places = 2**15, 16
    r = tf.bitwise.right_shift(91881 * red + half, places)  # 1.402
    g = tf.bitwise.right_shift(-22554 * blue - 46802 * red + half, places)  # 0.34414 and 0.71414
    b = tf.bitwise.right_shift(116130 * blue + half, places)  # 1.772
    return tf.clip_by_value(255 - tf.stack([light + r, light + g, light + b], axis=-1), 0, 255)
