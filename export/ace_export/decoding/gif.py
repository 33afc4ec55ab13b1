"""The first frame of a GIF as OpenCV reads it, in a file of its own: what follows it is never unpacked.

TensorFlow's decoder unpacks every frame before it gives the first, paints what is transparent black, and answers
broken data with what it could read of it. So the file is written anew: a screen of the frame's size, one colour table,
in which the transparent entry has the background's colour, the frame's data, and a second frame of one pixel. That one
comes back only where the first was read without an error. OpenCV: `GifDecoder` in modules/imgcodecs/src/grfmt_gif.cpp.
"""

from typing import NamedTuple

import tensorflow as tf

from .branches import checks
from .octets import BEYOND, little, octets

MAX_EXTENSIONS = 200  # before the first frame
MAX_RUNS = 10_000  # of equally long blocks in one extension or frame
_RUN_BLOCKS = 4096  # looked at in one step

_SECOND_FRAME = b"\x2c\0\0\0\0\1\0\1\0\0\x02\x02\x44\x01\0"
_TRAILER = b"\x3b"


class _Frame(NamedTuple):
    at: tf.Tensor  # int32[]: where its descriptor begins
    transparent: tf.Tensor  # int32[]: the entry of the colour table that is not painted; -1 where all are


def decode_gif(data: tf.Tensor) -> tf.Tensor:
    """string[] → uint8[height, width, 3], RGB: the first frame on the screen's background.

    Raises:
        tf.errors.InvalidArgumentError: the bytes are no GIF, or a broken one.
    """
    file = octets(data)
    frame = _first_frame(file)
    screen = tf.cast(tf.stack(little(file, (8, 2), (6, 2))), tf.int32)
    fields = tf.cast(tf.stack(little(file, (3, 2), (1, 2), (7, 2), (5, 2), at=frame.at)), tf.int32)
    corner, size = fields[:2], fields[2:]
    inside = tf.reduce_all(corner + size <= screen) & (file[frame.at] == 0x2C)
    goes_on = tf.reduce_any(file[_end(file, frame)] == tf.constant([0x21, 0x2C, 0x3B], tf.uint8))
    _, background = _tables(data, file, frame)
    frames = tf.io.decode_gif(_alone(data, file, frame))
    whole = inside & goes_on & (tf.shape(frames)[0] == 2)
    with tf.control_dependencies(checks((whole, "the first frame of a GIF is broken"))):
        return _on_screen(frames[0], screen, corner, tf.io.decode_raw(background, tf.uint8))


def _on_screen(image: tf.Tensor, screen: tf.Tensor, corner: tf.Tensor, background: tf.Tensor) -> tf.Tensor:
    around = tf.stack([corner, screen - corner - tf.shape(image)[:2]], axis=1)
    padded = tf.pad(image, tf.concat([around, [[0, 0]]], axis=0))
    inside = tf.pad(tf.ones(tf.shape(image)[:2], tf.bool), around)
    return tf.where(inside[..., tf.newaxis], padded, background)


def _first_frame(file: tf.Tensor) -> _Frame:
    """Behind the extensions, of which the last that names a transparent colour counts."""

    def more(at: tf.Tensor, transparent: tf.Tensor) -> tf.Tensor:
        return file[at] == 0x21

    def step(at: tf.Tensor, transparent: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        is_control = file[at + 1] == 0xF9
        named = tf.where(file[at + 3] % 2 == 1, tf.cast(file[at + 6], tf.int32), -1)
        return _behind_blocks(file, at + 2), tf.where(is_control, named, transparent)

    start = (13 + _table_bytes(file[10]), tf.constant(-1))
    return _Frame(*tf.while_loop(more, step, start, maximum_iterations=MAX_EXTENSIONS))


def _behind_blocks(file: tf.Tensor, at: tf.Tensor) -> tf.Tensor:
    """Where a row of blocks that begins there has ended: each is its length and as many bytes, the last one's is 0.

    Writers fill their blocks, so that whole runs of one length are skipped in one step.
    """
    end = tf.size(file) - BEYOND

    def more(at: tf.Tensor) -> tf.Tensor:
        return (at < end) & (file[at] != 0)

    def step(at: tf.Tensor) -> tuple[tf.Tensor]:
        block = 1 + tf.cast(file[at], tf.int32)
        lengths = file[at : at + block * _RUN_BLOCKS : block]
        run = tf.reduce_sum(tf.math.cumprod(tf.cast(lengths == file[at], tf.int32)))
        return (tf.minimum(at + run * block, end),)

    (at,) = tf.while_loop(more, step, (tf.minimum(at, end),), maximum_iterations=MAX_RUNS)
    return tf.minimum(at + 1, end)


def _content(file: tf.Tensor, frame: _Frame) -> tf.Tensor:
    """Where a frame's code size and blocks begin: int32[]."""
    return frame.at + 10 + _table_bytes(file[frame.at + 9])


def _end(file: tf.Tensor, frame: _Frame) -> tf.Tensor:
    """Where a frame's blocks have ended: int32[]."""
    return _behind_blocks(file, _content(file, frame) + 1)


def _table_bytes(flags: tf.Tensor) -> tf.Tensor:
    """The length of the colour table that a screen's or frame's flags announce: uint8[] → int32[]."""
    flags = tf.cast(flags, tf.int32)
    return tf.where(flags >= 128, 3 * 2 ** (flags % 8 + 1), 0)


def _tables(data: tf.Tensor, file: tf.Tensor, frame: _Frame) -> tuple[tf.Tensor, tf.Tensor]:
    """The frame's 256 colours, the transparent one replaced by the background's; the latter: string[], string[]."""
    screen_bytes, frame_bytes = _table_bytes(file[10]), _table_bytes(file[frame.at + 9])
    common, own = tf.strings.substr(data, 13, screen_bytes), tf.strings.substr(data, frame.at + 10, frame_bytes)
    place = 3 * tf.cast(file[11], tf.int32)
    background = tf.strings.substr(common + b"\0" * 768, tf.where(place < screen_bytes, place, screen_bytes), 3)
    grey = b"".join(bytes([255 if level == 1 else level]) * 3 for level in range(256))  # where a file has no table
    colours = own + tf.strings.substr(common, tf.minimum(frame_bytes, screen_bytes), screen_bytes)
    colours = tf.where(colours == b"", grey, colours + b"\0" * 768)
    place = 3 * tf.maximum(frame.transparent, 0)
    replaced = tf.strings.substr(colours, 0, place) + background + tf.strings.substr(colours, place + 3, 768)
    return tf.strings.substr(tf.where(frame.transparent < 0, colours, replaced), 0, 768), background


def _alone(data: tf.Tensor, file: tf.Tensor, frame: _Frame) -> tf.Tensor:
    """A GIF of the first frame alone, on a screen of its own size, and one pixel behind it: string[] → string[]."""
    colours, _ = _tables(data, file, frame)
    size = tf.strings.substr(data, frame.at + 5, 4)
    interlaced = tf.where(tf.bitwise.bitwise_and(file[frame.at + 9], 0x40) > 0, b"\x40", b"\0")
    start = _content(file, frame)
    content = tf.strings.substr(data, start, _end(file, frame) - start)
    screen = b"GIF89a" + size + b"\xf7\0\0" + colours
    return screen + b"\x2c\0\0\0\0" + size + interlaced + content + _SECOND_FRAME + _TRAILER
