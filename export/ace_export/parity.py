"""Whether the exported file answers like training: its SavedModel, loaded afresh, against OpenCV and Keras."""

import math
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from ace_client import contract

from .detector import Detector
from .errors import ParityError
from .golden import GoldenImage

TOLERANCE = 1e-3  # of prob_fake


def check(
    version: Path, detector: Detector, images: Sequence[GoldenImage], *, tolerance: float = TOLERANCE
) -> dict[str, float]:
    """How far the SavedModel's `prob_fake` is from the reference's, by the name of each readable image.

    Raises:
        ParityError: an image is further off than the tolerance, or an unreadable one is answered.
    """
    answer = tf.saved_model.load(str(version)).signatures[contract.SERVING_DEFAULT]
    outputs = answer(tf.constant([image.data for image in images]))
    found = dict(zip((image.name for image in images), outputs[contract.PROB_FAKE].numpy().tolist(), strict=True))

    for image in images:
        if not image.readable and not math.isnan(found[image.name]):
            raise ParityError(
                f"The exported graph answers {found[image.name]:.6f} to the golden image '{image.name}', which cannot "
                "be read. Nothing was published: the installed TensorFlow decodes otherwise than expected."
            )
    return _deltas(found, reference(detector, [image for image in images if image.readable]), tolerance)


def _deltas(found: dict[str, float], expected: dict[str, float], tolerance: float) -> dict[str, float]:
    for name, prob_fake in expected.items():
        if not abs(found[name] - prob_fake) <= tolerance:  # NaN is no match either
            raise ParityError(
                f"On the golden image '{name}' the exported graph answers {found[name]:.6f} and Keras {prob_fake:.6f}, "
                f"more than {tolerance:g} apart. Nothing was published: see whether the model's weights hold NaN, or "
                "whether it is so steep that a difference of one grey level turns its answer."
            )
    return {name: abs(found[name] - prob_fake) for name, prob_fake in expected.items()}


def reference(detector: Detector, images: Sequence[GoldenImage]) -> dict[str, float]:
    """What training says of readable images, by name: OpenCV's pixels, Xception's scaling, Keras's `predict`."""
    pixels = np.stack([reference_pixels(image.data, (detector.input_size,) * 2) for image in images])
    prob_fake = detector.network.predict(pixels / np.float32(127.5) - 1, verbose=0)[:, 0]
    return dict(zip((image.name for image in images), prob_fake.tolist(), strict=True))


def reference_pixels(data: bytes, size: tuple[int, int]) -> NDArray[np.uint8]:
    """One image as OpenCV reads and stretches it to a height and width: uint8[size, 3], RGB."""
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    return np.asarray(cv2.resize(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), size[::-1]), np.uint8)
