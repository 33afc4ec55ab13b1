"""Where a training stands, on disk: after a kill the same command goes on from the last finished epoch.

    OUT/checkpoint/progress.json     the history so far, and which of the files below are its last and its best epoch
    OUT/checkpoint/epoch_0007.npz    the model's and the optimizer's variables after epoch 7

`progress.json` is replaced last and names the files that count: whatever happens while a checkpoint is written, the one
before it is whole. (Keras's BackupAndRestore writes over its only file, and knows of no best epoch.)
"""

import dataclasses
import json
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
import numpy.typing as npt

from .errors import OutputError
from .whole_file import whole_file

FOLDER: Final = "checkpoint"
_PROGRESS_FILE: Final = "progress.json"
Row = dict[str, float]  # an epoch's figures: `loss`, `auc`, `val_auc`, ...


@dataclass(frozen=True)
class Progress:
    """The epochs that are finished."""

    history: tuple[Row, ...] = ()
    seconds: float = 0.0  # that they took, in all runs together

    @property
    def epochs(self) -> int:
        """How many there are."""
        return len(self.history)

    @property
    def best_epoch(self) -> int:
        """The first with the highest validation AUC, from 0; there has to be one."""
        return max(range(self.epochs), key=lambda epoch: (self.history[epoch]["val_auc"], -epoch))

    def columns(self) -> dict[str, list[float]]:
        """The history by name, as Keras has it."""
        return {name: [row[name] for row in self.history] for name in (self.history or ({},))[0]}


@dataclass(frozen=True)
class Checkpoint:
    """The checkpoint of one training, in a folder of its own below the detector's."""

    folder: Path
    identity: dict[str, Any]  # what else goes into the result: a checkpoint of another training is not gone on from

    def read(self) -> Progress:
        """The progress that was saved; none where there is no checkpoint.

        Raises:
            OutputError: the checkpoint cannot be read, or is another training's; the message says what differs.
        """
        path = self.folder / _PROGRESS_FILE
        if not path.exists():
            return Progress()
        try:
            saved = json.loads(path.read_text(encoding="utf-8"))
            progress = Progress(tuple(saved["history"]), saved["seconds"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise OutputError(
                f"{path} cannot be read. Pass --overwrite to begin anew, or name another folder."
            ) from error
        if differing := _differing(saved["identity"], self.identity):
            raise OutputError(
                f"{self.folder} is the checkpoint of a training with other {', '.join(differing)}. Give its own "
                "command to go on with it, pass --overwrite to begin anew, or name another folder."
            )
        return progress

    def go_on(self, *, overwrite: bool) -> Progress:
        """The progress that was saved, its files read to their ends; with `overwrite` what does not load is forgotten.

        Raises:
            OutputError: not to be overwritten, it cannot be read or is another training's.
        """
        try:
            progress = self.read()
            for epoch in {progress.epochs - 1, progress.best_epoch} if progress.epochs else ():
                self._saved(epoch)
        except OutputError:
            if not overwrite:
                raise
            self.delete()
            return Progress()
        return progress

    def save(self, model: keras.Model, progress: Progress) -> None:
        """Keeps where the training stands, and of the epochs before only the best one.

        Raises:
            OutputError: it cannot be written; the checkpoint before is still whole.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with whole_file(self._file(progress.epochs - 1)) as stream:
                np.savez(stream, **_state(model))
            with whole_file(self.folder / _PROGRESS_FILE) as stream:
                text = json.dumps(dataclasses.asdict(progress) | {"identity": self.identity}, indent=1)
                stream.write(text.encode())
        except OSError as error:
            raise OutputError(
                f"Epoch {progress.epochs} could not be saved in {self.folder}: {error.strerror}. The epochs before it "
                "are safe: once there is room, the same command goes on from them."
            ) from error
        kept = {self._file(progress.epochs - 1), self._file(progress.best_epoch)}
        for file in set(self.folder.glob("epoch_*")) - kept:
            file.unlink()

    def restore(self, model: keras.Model, epoch: int) -> None:
        """Gives the model the values that it had after that epoch, and its optimizer's where it has one.

        Raises:
            OutputError: the file does not hold them.
        """
        saved = self._saved(epoch)
        try:
            for name, variable in _variables(model).items():
                variable.assign(saved[name])
        except (ValueError, KeyError) as error:
            raise self._damaged(epoch) from error

    def delete(self) -> None:
        """Forgets the training."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _file(self, epoch: int) -> Path:
        return self.folder / f"epoch_{epoch + 1:04d}.npz"

    def _saved(self, epoch: int) -> dict[str, npt.NDArray[Any]]:
        try:
            with self._file(epoch).open("rb") as stream, np.load(stream) as saved:
                return dict(saved)
        except (OSError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile) as error:  # one by each kind of damage
            raise self._damaged(epoch) from error

    def _damaged(self, epoch: int) -> OutputError:
        return OutputError(
            f"{self._file(epoch)} does not hold what was saved there. Pass --overwrite to begin anew, or name another "
            "folder."
        )


def _variables(model: keras.Model) -> dict[str, Any]:
    """By their places: those of the layers, states of random streams among them, and the optimizer's."""
    optimizer = model.optimizer.variables if model.compiled else []
    return {
        f"{owner}_{place}": variable
        for owner, variables in (("model", model.variables), ("optimizer", optimizer))
        for place, variable in enumerate(variables)
    }


def _state(model: keras.Model) -> dict[str, Any]:
    return {name: np.asarray(variable) for name, variable in _variables(model).items()}


def _differing(one: dict[str, Any], other: dict[str, Any], prefix: str = "") -> list[str]:
    """The places at which two nested dicts differ: `model.width`."""
    found = []
    for key in sorted(one.keys() | other.keys()):
        mine, yours = one.get(key), other.get(key)
        if isinstance(mine, dict) and isinstance(yours, dict):
            found += _differing(mine, yours, f"{prefix}{key}.")
        elif mine != yours:
            found.append(f"{prefix}{key}")
    return found
