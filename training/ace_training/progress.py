import sys
from typing import Any

import keras
from tqdm import tqdm


class EpochBars(keras.callbacks.Callback):  # type: ignore[misc]  # Keras is not typed
    """A progress bar on stderr for each epoch, with its loss and AUCs at the end.

    A context: an epoch that is broken off has its bar ended before anything else is said.
    """

    _bar: Any = None  # a tqdm, once an epoch has begun

    def __enter__(self) -> "EpochBars":
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Begins the epoch's bar."""
        self._bar = tqdm(
            total=self.params["steps"],
            desc=f"epoch {epoch + 1}/{self.params['epochs']}",
            unit="step",
            mininterval=1,
            file=sys.stderr,
        )

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Counts the step."""
        if self._bar is not None:
            self._bar.update()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Shows how the epoch went."""
        figures = logs or {}
        if self._bar is not None:
            shown = [name for name in ("loss", "auc", "val_auc") if name in figures]
            self._bar.set_postfix({name: f"{figures[name]:.3f}" for name in shown})
            self._bar.close()
