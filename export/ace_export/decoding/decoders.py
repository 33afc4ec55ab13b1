"""Each format decoded to the pixels that OpenCV reads, before any orientation: string[] → uint8[height, width, 3], RGB.

Where TensorFlow's own decoder differs, the file is rewritten until it cannot (CMYK JPEG, GIF), or unpacked here (BMP).
"""

import tensorflow as tf

from .branches import STRING, apart, checks
from .cmyk import decode_cmyk
from .octets import head, little


def jpeg(data: tf.Tensor) -> tf.Tensor:
    """With the accurate integer DCT, bit for bit OpenCV's; TensorFlow's default differs by up to 10 levels."""
    four_channels = tf.image.extract_jpeg_shape(data)[2] == 4
    with tf.control_dependencies(checks((~_lacks_last_byte(data), "a JPEG is truncated"))):
        return tf.cond(four_channels, lambda: _four_channels(data), lambda: _three_channels(data))


_four_channels = apart(decode_cmyk, STRING)


def _lacks_last_byte(data: tf.Tensor) -> tf.Tensor:
    """The one truncation that TensorFlow does not see: half an end marker. Files may end in 0xFF behind a whole one."""
    end = tf.strings.substr(data, -2, 2)
    return (tf.strings.substr(end, 1, 1) == b"\xff") & (end != b"\xff\xff") & (end != b"\xd9\xff")


def _three_channels(data: tf.Tensor) -> tf.Tensor:
    return tf.io.decode_jpeg(data, channels=3, dct_method="INTEGER_ACCURATE")


def png(data: tf.Tensor) -> tf.Tensor:
    """16 bits to the upper 8, alpha dropped, palettes and grey spread out."""
    return tf.io.decode_png(data, channels=3)


def webp(data: tf.Tensor) -> tf.Tensor:
    """Alpha dropped; of an animation the first frame, on its canvas."""
    image = tf.io.decode_image(data, channels=0, expand_animations=False)
    return tf.ensure_shape(image, [None, None, None])[..., :3]


def bmp(data: tf.Tensor) -> tf.Tensor:
    """Of 1, 4 or 8 bits with a palette, or of 24 or 32; rows upwards or downwards."""
    fields = little(head(data), (10, 4), (14, 4), (18, 4), (28, 2), (46, 4), (22, 4))
    offset, header_bytes, width, bits, used = tf.unstack(tf.cast(tf.stack(fields[:-1]), tf.int32), 5)
    stated = fields[-1]
    downwards = stated >= 2**31
    height = tf.cast(tf.where(downwards, 2**32 - stated, stated), tf.int32)
    row_bytes = (width * bits + 31) // 32 * 4
    rows = tf.io.decode_raw(tf.strings.substr(data, offset, row_bytes * height), tf.uint8)
    with tf.control_dependencies(checks((header_bytes >= 40, "a BMP is truncated"))):
        rows = tf.reshape(rows, [height, row_bytes])  # fails where bytes are missing

    def whole_channels() -> tf.Tensor:
        channels = bits // 8
        return tf.reshape(rows[:, : width * channels], [height, width, channels])[..., 2::-1]

    def palette() -> tf.Tensor:
        entries = tf.where(used == 0, 2**bits, tf.minimum(used, 256))
        colours = tf.reshape(
            tf.io.decode_raw(tf.strings.substr(data, 14 + header_bytes, 4 * entries), tf.uint8), [-1, 4]
        )
        colours = tf.pad(colours, [[0, 256 - tf.shape(colours)[0]], [0, 0]])
        shifts = tf.cast(tf.range(8 - bits, -1, -bits), tf.uint8)  # of the entries in one byte, from the left
        shifted = tf.bitwise.right_shift(rows[..., tf.newaxis], shifts)
        indices = tf.bitwise.bitwise_and(shifted, tf.cast(2**bits - 1, tf.uint8))
        return tf.gather(colours[:, 2::-1], tf.cast(tf.reshape(indices, [height, -1])[:, :width], tf.int32))

    image = tf.cond(bits > 8, whole_channels, palette)
    return tf.cond(downwards, lambda: image, lambda: image[::-1])
