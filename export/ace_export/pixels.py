"""The pixels that the network sees, as OpenCV makes them: imread, BGR→RGB, resize, scale.

The only pixel code of the repository: training's input pipeline and the exported graph both call it, so the two
cannot drift apart. Every function is TensorFlow ops only and works eagerly, inside `tf.data` and inside a SavedModel.
"""

import functools
from dataclasses import dataclass
from typing import Any, Final

import tensorflow as tf

from .decoding import decoders, headers, orientation
from .decoding.branches import IMAGE, STRING, apart, checks
from .decoding.gif import decode_gif
from .settings import DEFAULT_MAX_PIXELS

# Of each of `headers.FORMATS`: what its pixels are, and how they are to be turned.
_DECODERS: Final = (
    (decoders.jpeg, orientation.of_jpeg),
    (decoders.png, orientation.of_png),
    (decoders.bmp, None),
    (decoders.webp, orientation.of_webp),
    (decode_gif, None),
)


def decode(image_bytes: tf.Tensor, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> tf.Tensor:
    """One encoded image as OpenCV's `imread` and BGR→RGB give it, turned as its EXIF orientation says.

    string[] → uint8[height, width, 3], RGB: JPEG, PNG, BMP, WebP or GIF (its first frame).

    Raises:
        tf.errors.InvalidArgumentError: the bytes are no such image, or its header states more than `max_pixels`.
    """
    return tf.ensure_shape(_decoder(max_pixels)(image_bytes), [None, None, 3])


@functools.cache
def _decoder(max_pixels: int) -> Any:
    """Built once, for it has two thousand nodes."""

    def decoded(image_bytes: tf.Tensor) -> tf.Tensor:
        with tf.device("/cpu:0"):  # strings have no GPU kernels
            index = headers.format_of(image_bytes)
            readers = [functools.partial(_decoded, place, max_pixels) for place in range(len(_DECODERS))]
            readers[1:] = [apart(reader, STRING) for reader in readers[1:]]  # JPEG is what mostly comes
            branches = [functools.partial(reader, image_bytes) for reader in readers]
            with tf.control_dependencies(checks((index < len(headers.FORMATS), headers.UNKNOWN))):
                return tf.switch_case(index, branches)

    return tf.function(decoded, autograph=False, input_signature=[tf.TensorSpec([], tf.string)])


def _decoded(place: int, max_pixels: int, image_bytes: tf.Tensor) -> tf.Tensor:
    """Of the format at that place, where its header speaks for decoding it."""
    header = headers.READERS[place](image_bytes)
    facts = (
        (~headers.too_large(header, max_pixels), f"an image of more than {max_pixels} pixels"),
        (header.unsupported == "", header.unsupported),
    )
    pixels_of, orientation_of = _DECODERS[place]
    with tf.control_dependencies(checks(*facts)):
        image = pixels_of(tf.identity(image_bytes))
        return image if orientation_of is None else _turned(image, orientation_of(image_bytes))


def _turned(image: tf.Tensor, turn: tf.Tensor) -> tf.Tensor:
    return tf.cond(turn <= orientation.UPRIGHT, lambda: image, lambda: _turn(image, turn))


_turn = apart(orientation.turned, IMAGE, tf.TensorSpec([], tf.int32))


def resize(image: tf.Tensor, size: tuple[int, int]) -> tf.Tensor:
    """The image stretched to a height and width as `cv2.resize` does it: bilinear, half-pixel centres, no antialiasing.

    uint8[height, width, 3] → uint8[size, 3]. OpenCV's own fixed-point arithmetic (`HResizeLinear` and `VResizeLinear`
    in modules/imgproc/src/resize.cpp), which drops fractions after each pass: one pixel in a million is one level off.
    Rounding `tf.image.resize` takes a third of the time, but is one level too bright on one pixel in eight, which moved
    a trained detector's `prob_fake` by up to 0.04.
    """
    unchanged = tf.reduce_all(tf.shape(image)[:2] == size)
    resized = tf.cond(unchanged, lambda: image, lambda: _stretched(image, size))
    return tf.ensure_shape(resized, [*size, 3])


def _stretched(image: tf.Tensor, size: tuple[int, int]) -> tf.Tensor:
    rows, row_weights = _taps(tf.shape(image)[0], size[0])
    image, rows = tf.cond(  # of a large image only the rows that count
        tf.shape(image)[0] > 2 * size[0],
        lambda: (tf.gather(image, tf.reshape(rows, [-1])), tf.reshape(tf.range(2 * size[0], dtype=tf.int64), [-1, 2])),
        lambda: (image, rows),
    )
    columns = _horizontally(image, size[1])
    quarters = tf.floor(tf.gather(columns, rows[:, 0]) * (row_weights[:, :1] / 65536))
    quarters += tf.floor(tf.gather(columns, rows[:, 1]) * (row_weights[:, 1:] / 65536))
    return tf.reshape(tf.cast(quarters * 0.25 + 0.5, tf.uint8), [*size, 3])


def _horizontally(image: tf.Tensor, width: int) -> tf.Tensor:
    """Each row stretched, in levels × 128, fractions dropped: uint8[height, length, 3] → float32[height, width × 3].

    As a sparse matrix times the columns, which gathers, weighs and adds in one pass. Turning the image over twice for
    it costs a third of gathering pixels of three bytes.
    """
    height, length = tf.shape(image)[0], tf.shape(image)[1]
    taps, weights = _taps(length, width)
    places = tf.stack([tf.repeat(tf.range(width, dtype=tf.int64), 2), tf.reshape(taps, [-1])], axis=1)
    matrix = tf.raw_ops.SparseTensorToCSRSparseMatrix(
        indices=places,
        values=tf.reshape(weights, [-1]) / 16,
        dense_shape=tf.stack([tf.constant(width, tf.int64), tf.cast(length, tf.int64)]),
    )
    columns = tf.transpose(tf.reshape(image, [height, length * 3]))
    columns = tf.reshape(tf.cast(columns, tf.float32), [length, 3 * height])
    stretched = tf.raw_ops.SparseMatrixMatMul(a=matrix, b=columns)
    return tf.floor(tf.transpose(tf.reshape(stretched, [width * 3, height])))


def _taps(length: tf.Tensor, size: int) -> tuple[tf.Tensor, tf.Tensor]:
    """The two source pixels that each pixel lies between, and what each adds to it, out of 2048.

    int32[] → int64[size, 2], float32[size, 2].
    """
    centres = (tf.range(size, dtype=tf.float64) + 0.5) * (tf.cast(length, tf.float64) / size) - 0.5
    centres = tf.cast(centres, tf.float32)[:, tf.newaxis]
    first = tf.floor(centres)
    share = tf.round((centres - first) * 2048)
    taps = tf.cast(first, tf.int64) + tf.constant([0, 1], tf.int64)
    return tf.clip_by_value(taps, 0, tf.cast(length, tf.int64) - 1), tf.abs(tf.constant([2048.0, 0.0]) - share)


def scale(pixels: tf.Tensor) -> tf.Tensor:
    """The pixels in the range that Xception was trained on: uint8[..., 3] in [0, 255] → float32[..., 3] in [-1, 1]."""
    return tf.cast(pixels, tf.float32) / 127.5 - 1.0


@dataclass(frozen=True)
class Scaling:
    """What becomes of each channel before the network sees it: level · factor + offset."""

    factors: tuple[float, float, float]
    offsets: tuple[float, float, float]

    def __call__(self, pixels: tf.Tensor) -> tf.Tensor:
        """uint8[..., 3] → float32[..., 3]."""
        return tf.cast(pixels, tf.float32) * tf.constant(self.factors) + tf.constant(self.offsets)


XCEPTION = Scaling((1 / 127.5,) * 3, (-1.0,) * 3)  # what `scale` does
SCALINGS = {  # by the name that `--scale` has for it
    "xception": XCEPTION,  # [-1, 1]: Xception, Inception, MobileNet; "tf" in keras.applications
    "unit": Scaling((1 / 255,) * 3, (0.0,) * 3),  # [0, 1]
    "imagenet": Scaling(  # mean and standard deviation of ImageNet's channels: "torch" in keras.applications
        (1 / 255 / 0.229, 1 / 255 / 0.224, 1 / 255 / 0.225), (-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225)
    ),
    "none": Scaling((1.0,) * 3, (0.0,) * 3),  # [0, 255]: the model scales by itself
}
