"""Whether the exported file answers like training: its SavedModel, loaded afresh, against OpenCV and Keras."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from ace_client.contract import IMAGE_SUFFIXES

from . import answers as graph
from .answers import Answer
from .detector import Detector
from .errors import ImagesError, ParityError
from .golden import GoldenImage

TOLERANCES = {"float32": 1e-3, "float16": 1e-2, "bfloat16": 5e-2}  # of prob_fake, by the precision served


@dataclass(frozen=True)
class Parity:
    """How an exported graph answered."""

    answers: dict[str, Answer]  # to each image, by its name
    deltas: dict[str, float]  # |Δ prob_fake| to the reference, of each image that can be read
    tolerance: float


def check(version: Path, detector: Detector, images: Sequence[GoldenImage], *, tolerance: float) -> Parity:
    """What the SavedModel answers, and how far its `prob_fake` is from the reference's.

    Raises:
        ParityError: an image is further off than the tolerance, or an unreadable one is answered.
    """
    found = graph.answers(version, [image.data for image in images])
    return compare(dict(zip((image.name for image in images), found, strict=True)), detector, images, tolerance)


def compare(found: dict[str, Answer], detector: Detector, images: Sequence[GoldenImage], tolerance: float) -> Parity:
    """Answers by the images' names beside those of the reference. Raises as `check` does."""
    for image in images:
        _check_readable(image, found[image.name])
    expected = reference(detector, [image for image in images if image.readable])
    return Parity(found, _deltas(found, expected, tolerance), tolerance)


def _check_readable(image: GoldenImage, answer: Answer) -> None:
    if not image.readable and not answer.error:
        raise ParityError(
            f"The exported graph answers {answer.prob_fake:.6f} to the image '{image.name}', which cannot be read. "
            "Nothing was published: the installed TensorFlow decodes otherwise than expected."
        )
    if image.readable and answer.error:
        raise ParityError(
            f"The exported graph refuses the image '{image.name}' ({answer.error}), and OpenCV reads it. "
            "Nothing was published: convert it to JPEG or PNG, or take it out of --images."
        )


def _deltas(found: dict[str, Answer], expected: dict[str, float], tolerance: float) -> dict[str, float]:
    for name, prob_fake in expected.items():
        if not abs(found[name].prob_fake - prob_fake) <= tolerance:  # NaN is no match either
            raise ParityError(
                f"On '{name}' the exported graph answers {found[name].prob_fake:.6f} and Keras {prob_fake:.6f}, "
                f"more than {tolerance:g} apart. Nothing was published: see whether the model is so steep that a "
                "difference of one grey level turns its answer, or too deep for the precision asked for."
            )
    return {name: abs(found[name].prob_fake - prob_fake) for name, prob_fake in expected.items()}


def reference(detector: Detector, images: Sequence[GoldenImage]) -> dict[str, float]:
    """What training says of readable images, by name: OpenCV's pixels, the detector's scaling, Keras in float32."""
    scaling = detector.scaling
    found: dict[str, float] = {}
    for start in range(0, len(images), graph.BATCH_SIZE):
        batch = images[start : start + graph.BATCH_SIZE]
        pixels = np.stack([reference_pixels(image.data, detector.input_size) for image in batch])
        scaled = pixels * np.array(scaling.factors, np.float32) + np.array(scaling.offsets, np.float32)
        outputs = detector.reference(tf.constant(scaled), training=False)
        prob_fake = detector.head.prob_fake(outputs, getattr(outputs, "_keras_logits", None)).numpy().tolist()
        found.update(zip((image.name for image in batch), prob_fake, strict=True))
    return found


def reference_pixels(data: bytes, size: tuple[int, int]) -> NDArray[np.uint8]:
    """One image as OpenCV reads and stretches it: uint8[height, width, 3], RGB."""
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    return np.asarray(cv2.resize(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), size[::-1]), np.uint8)


def images_in(folder: Path) -> list[GoldenImage]:
    """The images in a folder and below that OpenCV reads, to check an export on.

    Raises:
        ImagesError: the folder cannot be read, or there are none.
    """
    try:
        paths = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in IMAGE_SUFFIXES]
        images = [GoldenImage(str(path.relative_to(folder)), path.read_bytes()) for path in paths]
    except OSError as error:
        raise ImagesError(f"{error.filename} cannot be read: {error.strerror}. Pass another --images.") from error
    readable = [image for image in images if image.data and _is_read(image.data)]
    if not readable:
        raise ImagesError(
            f"{folder} holds no image that OpenCV reads, of {len(images)} by their names. "
            "Pass --images with a folder of JPEG, PNG, BMP, WebP or GIF files, or leave it out."
        )
    return readable


def _is_read(data: bytes) -> bool:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) is not None
