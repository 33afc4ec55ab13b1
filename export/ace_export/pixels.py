"""The pixels that the network sees, as OpenCV makes them: imread, BGR→RGB, resize, scale.

The only pixel code of the repository: training's input pipeline and the exported graph both call it, so the two
cannot drift apart. Every function is TensorFlow ops only and works eagerly, inside `tf.data` and inside a SavedModel.
"""

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


def resize(image: tf.Tensor, size: int) -> tf.Tensor:
    """The image stretched to a square, bilinear with half-pixel centres and no antialiasing, as `cv2.resize` does it.

    uint8[height, width, 3] → uint8[size, size, 3]. Within 1 level of OpenCV, whose fixed-point arithmetic rounds
    otherwise, and 0.13 on average; the same where nothing is to be resized.
    """
    stretched = tf.image.resize(image, [size, size], method="bilinear", antialias=False)
    return tf.cast(tf.round(stretched), tf.uint8)


def scale(pixels: tf.Tensor) -> tf.Tensor:
    """The pixels in the range that Xception was trained on: uint8[..., 3] in [0, 255] → float32[..., 3] in [-1, 1]."""
    return tf.cast(pixels, tf.float32) / 127.5 - 1.0
