"""The way from a Keras file to a published version."""

import logging
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf

from . import golden, manifest, parity, warmup
from .detector import Detector, load_detector
from .errors import RepositoryError
from .golden import GoldenImage
from .graph import ServingGraph
from .publish import publish
from .settings import Settings
from .signatures import read_signatures

logger = logging.getLogger(__name__)


def export(source: Path, repository: Path, settings: Settings | None = None, *, version: int | None = None) -> Path:
    """The folder of the published version, whose answers are those of the Keras model on every image checked.

    Raises:
        ModelError: the source is no Keras model, or no binary image classifier.
        ImagesError: the settings name images to check on, and they cannot be used.
        ParityError: the exported graph answers otherwise than Keras.
        RepositoryError: the version is taken, or cannot be written.
    """
    settings = settings or Settings()
    images = parity.images_in(settings.images) if settings.images else []
    logger.info("Reading %s", source)
    task = _Export(load_detector(source, settings), settings, images)
    return publish(task.write, repository, version=version)


@dataclass(frozen=True)
class _Export:
    detector: Detector
    settings: Settings
    images: list[GoldenImage]  # to check on beside the golden ones

    def write(self, folder: Path) -> None:
        """Fills a version's folder, and refuses to where the graph in it answers otherwise than Keras."""
        try:
            self._write_graph(folder)
            checked = self._check(folder)
            extra = folder / manifest.EXTRA
            extra.mkdir()
            jpegs = [image.data for image in checked.golden if image.readable and image.name.startswith("jpeg")]
            logger.info("Writing warm-up requests of %d signatures, and the manifest", len(checked.signatures))
            warmup.write(extra, jpegs, signatures=checked.signatures, input_size=self.detector.input_size)
            manifest.write(folder, self.detector, self.settings, checked)
        except tf.errors.OpError as error:  # how TensorFlow reports a full or vanished disk
            raise RepositoryError(
                f"The version could not be written to {folder.parent.parent}: {error.message}. "
                "Pass a folder that can be written to, on a disk with space left."
            ) from error

    def _write_graph(self, folder: Path) -> None:
        detector, settings = self.detector, self.settings
        logger.info(
            "Writing the graph: encoded images → %d×%d RGB, scaled as %s → %s in %s → P(fake), fake from %g",
            *reversed(detector.input_size),
            detector.scale,
            detector.head.activation,
            settings.precision,
            detector.threshold,
        )
        ServingGraph(detector, xla=settings.xla, max_pixels=settings.max_pixels).save(folder)

    def _check(self, folder: Path) -> manifest.Checked:
        images = golden.draw()
        logger.info("Checking it against OpenCV and Keras on %d images", len(images) + len(self.images))
        tolerance = parity.TOLERANCES[self.settings.precision]
        found = parity.check(folder, self.detector, [*images, *self.images], tolerance=tolerance)
        logger.info("Largest difference in prob_fake: %.1e (allowed: %.0e)", max(found.deltas.values()), tolerance)
        return manifest.Checked(images, found, read_signatures(folder))
