"""What can be evaluated: a `.keras` file, an exported version, a running server. Each answers encoded images alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
import tensorflow as tf

from ace_client import Detector as Served
from ace_client import Security
from ace_client.contract import FAKE
from ace_client.errors import AceError
from ace_export import answers, manifest
from ace_export.detector import Detector, load_detector
from ace_export.errors import ExportError
from ace_export.isolation import Isolated, in_place, isolate
from ace_training.errors import EvaluationError

SAVED_MODEL: Final = "saved_model.pb"
_LARGEST_PROB: Final = 1 - 2.0**-25  # half way from the last float32 to 1: what a 1 may have been
_DEADLINE_S: Final = 120.0  # of a batch, which a large network on few processors takes long for


class Score(NamedTuple):
    """What is said of one image."""

    logit: float  # of P(fake), before any temperature that is not part of the model; NaN where there is an error
    error: str  # why the image cannot be read; empty where it can


class Scorer(Protocol):
    """Something that says of images how likely they are fake."""

    @property
    def name(self) -> str:
        """What is evaluated, for people."""

    @property
    def threshold(self) -> float | None:
        """From where on it calls an image fake; None where that is still to be chosen, or does not show."""

    def scores(self, images: Sequence[bytes]) -> list[Score]:
        """One for each encoded image.

        Raises:
            EvaluationError: it does not answer.
        """


def open_scorer(model: Path, server: str | None = None, security: Security | None = None) -> Scorer:
    """What the command line names: on a server the model of that name, else a version's folder or a Keras file.

    Raises:
        EvaluationError: there is none, or it is no detector.
    """
    if server is not None:
        return ServedModel(str(model), server, security)
    try:
        return Version(model) if (model / SAVED_MODEL).is_file() else KerasFile(model)
    except ExportError as error:
        raise EvaluationError(str(error)) from error


class KerasFile:
    """The model as it was trained, in float32, fed with the exporter's pixels."""

    threshold = None

    def __init__(self, path: Path) -> None:
        """Raises ModelError where there is no binary image classifier at the path."""
        self.path = path
        self.detector: Detector = load_detector(path)
        encoded = tf.TensorSpec([None], tf.string)
        self.read = tf.function(
            self._isolated, autograph=False, input_signature=[encoded]
        )  # built once: it takes seconds
        self._graph = tf.function(self._logits, autograph=False, input_signature=[encoded])

    @property
    def name(self) -> str:
        """The file."""
        return str(self.path)

    def scores(self, images: Sequence[bytes]) -> list[Score]:
        """What Keras answers."""
        logits, errors = self._graph(tf.constant(list(images), tf.string))
        return list(map(Score, logits.numpy().tolist(), map(bytes.decode, errors.numpy())))

    def _isolated(self, encoded: tf.Tensor) -> Isolated:
        return isolate(encoded, self.detector.input_size)

    def _logits(self, encoded: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        pixels, places, errors = self.read(encoded)
        outputs = self.detector.reference(self.detector.scaling(pixels), training=False)
        logits = self.detector.head.logit_fake(outputs, getattr(outputs, "_keras_logits", None))
        return in_place(logits, places, missing=float("nan")), errors


class Version:
    """An exported version, as any server would run it: its temperature and threshold are baked in."""

    def __init__(self, folder: Path) -> None:
        """Raises VersionError where the folder holds no version."""
        self.name = str(folder)
        self.threshold: float | None = manifest.read(folder)["threshold"]
        self._graph = answers.load(folder)

    def scores(self, images: Sequence[bytes]) -> list[Score]:
        """What the SavedModel answers."""
        return [Score(_logit(answer.prob_fake), answer.error) for answer in self._graph(images)]


@dataclass
class ServedModel:
    """What a running server answers. Its threshold is what its labels show: the lowest P(fake) that it calls fake."""

    model: str
    server: str
    security: Security | None = None
    threshold: float | None = None

    def __post_init__(self) -> None:
        try:
            self._client = Served(self.server, model=self.model, deadline_s=_DEADLINE_S, security=self.security)
            self._client.check_contract(deadline_s=10)
        except (AceError, ValueError) as error:
            raise EvaluationError(f"{self.server} cannot be asked about {self.model}: {error}") from error

    @property
    def name(self) -> str:
        """The model and the address."""
        return f"{self.model} at {self.server}"

    def scores(self, images: Sequence[bytes]) -> list[Score]:
        """What the server answers; raises EvaluationError where it does not."""
        try:
            verdicts = self._client.detect(images)
        except AceError as error:
            raise EvaluationError(f"The evaluation ends, for a call failed: {error}") from error
        called_fake = [verdict.prob_fake for verdict in verdicts if verdict.label == FAKE]
        self.threshold = min([*called_fake, *([] if self.threshold is None else [self.threshold])], default=None)
        return [Score(_logit(verdict.prob_fake), verdict.error or "") for verdict in verdicts]


def _logit(prob_fake: float) -> float:
    """Of a float32 that may have been rounded to 0 or 1."""
    prob: Any = np.clip(prob_fake, np.finfo(np.float32).tiny, _LARGEST_PROB)
    return float(np.log(prob) - np.log1p(-prob))
