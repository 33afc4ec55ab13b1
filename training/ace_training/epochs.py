"""What happens between epochs: checkpoint, history, early stopping, and the end of a training that diverges."""

import math
import time
from typing import Any

import keras

from .checkpoint import Checkpoint, Progress
from .errors import DivergedError
from .history import History
from .phases import Phase


class EpochKeeper(keras.callbacks.Callback):  # type: ignore[misc]  # Keras is not typed
    """Saves each epoch once it is finished, and ends training where it stalls or diverges.

    Raises, out of `fit`:
        DivergedError: the loss is no number.
        OutputError: an epoch cannot be saved.
    """

    phase: Phase  # the one that is trained: to be set before

    def __init__(self, checkpoint: Checkpoint, history: History, progress: Progress) -> None:
        super().__init__()
        self.progress = progress
        self._checkpoint = checkpoint
        self._history = history
        self._epoch = 0
        self._since_s = time.perf_counter()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Takes note of the epoch."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Looks at the loss."""
        loss = float((logs or {})["loss"])
        if not math.isfinite(loss):
            raise DivergedError(
                f"The loss is {loss} in epoch {self._epoch + 1}, step {batch + 1}, at a learning rate of "
                f"{self._learning_rate():.3g}. Lower optimisation.learning_rate or clip_norm, or "
                "turn mixed precision off."
            )

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Saves what the epoch came to, and ends training where it stalls."""
        row = {name: float(f"{value:.6g}") for name, value in (logs or {}).items()}
        row["learning_rate"] = float(f"{self._learning_rate():.6g}")
        now_s = time.perf_counter()
        seconds = self.progress.seconds + now_s - self._since_s
        self._since_s = now_s
        progress = Progress((*self.progress.history, row), seconds)
        self._checkpoint.save(self.model, progress)
        self.progress = progress  # only now: an interrupted save leaves the progress that is on disk
        self._history.write(progress)
        if self.phase.is_over(progress):
            self.model.stop_training = True

    def _learning_rate(self) -> float:
        return float(self.model.optimizer.learning_rate)
