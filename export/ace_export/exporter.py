"""The way from a `.keras` file to a published version."""

import logging
from pathlib import Path

import tensorflow as tf

from ace_client import contract

from . import golden, manifest, parity, warmup
from .detector import Detector, load_detector
from .errors import RepositoryError
from .graph import ServingGraph
from .publish import publish

logger = logging.getLogger(__name__)


def export(
    source: Path, repository: Path, *, version: int | None = None, threshold: float = contract.DEFAULT_THRESHOLD
) -> Path:
    """The folder of the published version, whose answers are those of the Keras model on every golden image.

    Raises:
        ModelError: the source is no Keras model, or no binary image classifier.
        ParityError: the exported graph answers otherwise than Keras.
        RepositoryError: the version is taken, or cannot be written.
    """
    logger.info("Reading %s", source)
    detector = load_detector(source)
    return publish(lambda folder: _write(folder, detector, threshold), repository, version=version)


def _write(folder: Path, detector: Detector, threshold: float) -> None:
    """Fills a version's folder, and refuses to where the graph in it answers otherwise than Keras."""
    images = golden.draw()
    size = detector.input_size
    logger.info("Writing the graph: encoded images → %d×%d RGB → P(fake), fake from %g", size, size, threshold)
    try:
        ServingGraph(detector, threshold).save(folder)
    except tf.errors.OpError as error:  # how TensorFlow reports a full or vanished disk
        raise RepositoryError(f"The graph could not be written to {folder.parent.parent}: {error.message}") from error
    logger.info("Checking it against OpenCV and Keras on %d golden images", len(images))
    deltas = parity.check(folder, detector, images)
    logger.info("Largest difference in prob_fake: %.1e (allowed: %.0e)", max(deltas.values()), parity.TOLERANCE)
    extra = folder / "assets.extra"
    extra.mkdir()
    manifest.write(extra, detector, threshold=threshold, parity=deltas)
    warmup.write(extra, [image.data for image in images if image.readable and image.name.startswith("jpeg")])
