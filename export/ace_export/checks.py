"""What must be so before a graph goes on."""

import tensorflow as tf


def checks(*facts: tuple[tf.Tensor, str | tf.Tensor]) -> list[tf.Operation]:
    """Operations that fail with a fact's text where it is not so, for `tf.control_dependencies`; eagerly, at once.

    Raises:
        tf.errors.InvalidArgumentError: eagerly, one of the facts is not so.
    """
    operations = [tf.debugging.Assert(fact, [text]) for fact, text in facts]
    return [operation for operation in operations if operation is not None]
