"""Numbers read from a file's bytes, beyond whose end stand zeros, so that no header can point out of a tensor."""

from typing import Final

import tensorflow as tf

BEYOND: Final = 16  # zeros that follow the last byte
_HEAD_BYTES: Final = 80  # hold every field that a file is asked for before it is decoded, in every format but JPEG


def octets(data: tf.Tensor) -> tf.Tensor:
    """The bytes and `BEYOND` zeros: string[] → uint8[length + BEYOND]."""
    return tf.pad(tf.io.decode_raw(data, tf.uint8), [[0, BEYOND]])


def head(data: tf.Tensor) -> tf.Tensor:
    """The first bytes, zeros where there are none: string[] → uint8[n], n of 80 or more."""
    return tf.io.decode_raw(tf.strings.substr(data, 0, _HEAD_BYTES) + b"\0" * _HEAD_BYTES, tf.uint8)


def little(data: tf.Tensor, *fields: tuple[int, int], at: tf.Tensor | int = 0) -> list[tf.Tensor]:
    """The unsigned numbers whose lowest bytes come first: uint8[n] → int64[] for each offset from `at` and length."""
    return _numbers(data, fields, at, [256**place for place in range(4)])


def big(data: tf.Tensor, *fields: tuple[int, int], at: tf.Tensor | int = 0) -> list[tf.Tensor]:
    """The unsigned numbers whose highest bytes come first: uint8[n] → int64[] for each offset from `at` and length."""
    return _numbers(data, fields, at, [256**place for place in reversed(range(4))])


def _numbers(
    data: tf.Tensor, fields: tuple[tuple[int, int], ...], at: tf.Tensor | int, values: list[int]
) -> list[tf.Tensor]:
    """One gather for all of them: a graph of a node for each byte would take seconds to build."""
    places = [[offset + place for place in range(4)] for offset, _ in fields]
    weights = [values[:length] if values[0] == 1 else values[-length:] for _, length in fields]
    weights = [each + [0] * (4 - len(each)) for each in weights]
    read = tf.gather(data, tf.minimum(places + at, tf.size(data) - 1) if isinstance(at, tf.Tensor) else places)
    return list(
        tf.unstack(tf.reduce_sum(tf.cast(read, tf.int64) * tf.constant(weights, tf.int64), axis=1), len(fields))
    )
