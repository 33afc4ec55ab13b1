"""A training's history for people to look at: a CSV file, and TensorBoard's."""

import csv
import io
import shutil
from pathlib import Path
from typing import Any, Final

import tensorflow as tf

from .checkpoint import Progress, Row
from .errors import OutputError
from .whole_file import whole_file

CSV_FILE: Final = "history.csv"
LOGS: Final = "logs"  # for `tensorboard --logdir`


class History:
    """Both kinds of files in the detector's folder, of the whole training, whichever run it is."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._writers: dict[str, Any] = {}  # by the names of TensorBoard's runs, once there is something to write
        self._written = 0  # epochs

    def write(self, progress: Progress) -> None:
        """Adds the epochs that are not in the files.

        Raises:
            OutputError: they cannot be written.
        """
        try:
            self._write(progress)
        except (OSError, tf.errors.OpError) as error:
            raise OutputError(
                f"The history could not be written into {self._out}: {getattr(error, 'strerror', None) or error}. "
                "The finished epochs are safe: once there is room, the same command goes on from them."
            ) from error

    def _write(self, progress: Progress) -> None:
        with whole_file(self._out / CSV_FILE) as stream:
            stream.write(_csv(progress).encode())
        if not self._writers:
            shutil.rmtree(self._out / LOGS, ignore_errors=True)  # an earlier run's, which may lack what was not flushed
            names = ("train", "validation")
            self._writers = {name: tf.summary.create_file_writer(str(self._out / LOGS / name)) for name in names}
        for epoch in range(self._written, progress.epochs):
            self._write_events(epoch, progress.history[epoch])
        self._written = progress.epochs

    def _write_events(self, epoch: int, row: Row) -> None:
        for name, value in row.items():
            run = "validation" if name.startswith("val_") else "train"
            with self._writers[run].as_default():
                tf.summary.scalar(f"epoch_{name.removeprefix('val_')}", value, step=epoch)
        for writer in self._writers.values():
            writer.flush()


def _csv(progress: Progress) -> str:
    text = io.StringIO()
    rows = csv.DictWriter(text, ["epoch", *progress.columns()], lineterminator="\n")
    rows.writeheader()
    rows.writerows({"epoch": epoch + 1, **row} for epoch, row in enumerate(progress.history))
    return text.getvalue()
