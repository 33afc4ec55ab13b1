"""The pixels that the network sees, as OpenCV makes them: imread, BGR→RGB, resize, scale.

The only pixel code of the repository: training's input pipeline and the exported graph both call it, so the two
cannot drift apart. Every function is TensorFlow ops only and works eagerly, inside `tf.data` and inside a SavedModel.
"""

from dataclasses import dataclass

import tensorflow as tf


def decode(image_bytes: tf.Tensor) -> tf.Tensor:
    """One encoded image as OpenCV's `imread` and BGR→RGB give it.

    string[] → uint8[height, width, 3], RGB: JPEG, PNG, BMP, WebP or GIF (its first frame). JPEG is decoded with the
    accurate integer DCT, which is bit for bit what OpenCV does; TensorFlow's default differs by up to 10 levels.

    Raises:
        tf.errors.InvalidArgumentError: the bytes are no image that TensorFlow decodes.
    """
    is_jpeg = tf.strings.substr(image_bytes, 0, 3) == b"\xff\xd8\xff"
    is_webp = tf.strings.substr(image_bytes, 8, 4) == b"WEBP"
    image = tf.case(
        [
            (is_jpeg, lambda: tf.io.decode_jpeg(image_bytes, channels=3, dct_method="INTEGER_ACCURATE")),
            (is_webp, lambda: tf.raw_ops.DecodeWebP(contents=image_bytes, channels=3)[0]),
        ],
        default=lambda: tf.io.decode_image(image_bytes, channels=3, expand_animations=False),
    )
    return tf.ensure_shape(image, [None, None, 3])


def resize(image: tf.Tensor, size: tuple[int, int]) -> tf.Tensor:
    """The image stretched to a square as `cv2.resize` does it: bilinear, half-pixel centres, no antialiasing.

    uint8[height, width, 3] → uint8[size, size, 3]. OpenCV's own fixed-point arithmetic (`HResizeLinear` and
    `VResizeLinear` in modules/imgproc/src/resize.cpp), which drops fractions after each pass: one pixel in a million is
    one level off. Rounding `tf.image.resize` takes a quarter of the time, but is one level too bright on one pixel in
    eight, which moved a trained detector's `prob_fake` by up to 0.04.
    """
    left, right, share = _taps(tf.shape(image)[1], size[1])
    columns = tf.floor(
        _rows_of_floats(tf.gather(image, left, axis=1)) * tf.repeat((2048 - share) / 16, 3)
        + _rows_of_floats(tf.gather(image, right, axis=1)) * tf.repeat(share / 16, 3)
    )  # [height, size * 3], in levels × 128
    above, below, share = _taps(tf.shape(image)[0], size[0])
    share = share[:, tf.newaxis]
    quarters = tf.floor(tf.gather(columns, above) * ((2048 - share) / 65536))
    quarters += tf.floor(tf.gather(columns, below) * (share / 65536))
    return tf.reshape(tf.cast(quarters * 0.25 + 0.5, tf.uint8), [*size, 3])


def _taps(length: tf.Tensor, size: int) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The two source pixels that each pixel lies between, and the second one's share of it, out of 2048.

    int32[] → int32[size], int32[size], float32[size].
    """
    centres = (tf.range(size, dtype=tf.float64) + 0.5) * (tf.cast(length, tf.float64) / size) - 0.5
    centres = tf.cast(centres, tf.float32)
    first = tf.floor(centres)
    share = tf.round((centres - first) * 2048)
    first = tf.cast(first, tf.int32)
    return tf.maximum(first, 0), tf.minimum(first + 1, length - 1), share


def _rows_of_floats(image: tf.Tensor) -> tf.Tensor:
    """uint8[height, width, 3] → float32[height, width * 3]: weights broadcast several times faster over two axes."""
    return tf.reshape(tf.cast(image, tf.float32), [-1, image.shape[1] * 3])


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
