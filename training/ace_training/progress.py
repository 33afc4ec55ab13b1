import sys
import time
from typing import Any

import keras
from tqdm import tqdm


class EpochBars(keras.callbacks.Callback):  # type: ignore[misc]  # Keras is not typed
    """A live line on stderr for each epoch: its loss and AUC, images a second, and what is left of all epochs.

    A context: an epoch that is broken off has its line ended before anything else is said.
    """

    def __init__(self, epochs: int, batch_images: int) -> None:
        super().__init__()
        self._epochs = epochs
        self._batch_images = batch_images
        self._bar: Any = None  # a tqdm, once an epoch has begun
        self._steps_done = 0  # in this run
        self._steps_left = 0
        self._began_s = time.monotonic()

    def __enter__(self) -> "EpochBars":
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Begins the epoch's line."""
        if not self._steps_done:
            self._began_s = time.monotonic()
        steps = self.params["steps"]
        self._steps_left = (self._epochs - epoch) * steps
        self._bar = tqdm(
            total=steps * self._batch_images,
            desc=f"epoch {epoch + 1}/{self._epochs}",
            unit="image",
            mininterval=1,
            file=sys.stderr,
            bar_format="{desc}: {percentage:.0f}% {n_fmt}/{total_fmt} {rate_fmt}{postfix}",
        )

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Counts the step."""
        self._steps_done += 1
        self._steps_left -= 1
        if self._bar is not None:
            left_s = (time.monotonic() - self._began_s) / self._steps_done * self._steps_left
            self._show(logs, ("loss", "auc"), f"{tqdm.format_interval(left_s)} left")
            self._bar.update(self._batch_images)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Shows how the epoch went."""
        if self._bar is not None:
            self._show(logs, ("loss", "auc", "val_loss", "val_auc"), "")
            self._bar.close()

    def _show(self, logs: dict[str, Any] | None, names: tuple[str, ...], note: str) -> None:
        figures = [f"{name} {float(logs[name]):.3f}" for name in names if logs and name in logs]
        self._bar.set_postfix_str(", ".join([*figures, note] if note else figures), refresh=False)
