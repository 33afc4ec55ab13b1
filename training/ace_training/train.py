"""The training loop, from wherever its checkpoint stands."""

from dataclasses import dataclass
from pathlib import Path

import keras
import tensorflow as tf

from .checkpoint import Checkpoint
from .config import Config
from .epochs import EpochKeeper
from .history import History
from .input_pipeline import LoadedSplit, evaluation_batches, steps_per_epoch, training_batches
from .models import build_detector
from .phases import compile_for, phases
from .progress import EpochBars
from .sampling import batch_size


@dataclass(frozen=True, kw_only=True)
class Training:
    """One training: what is trained on, how, and where it is kept."""

    config: Config
    splits: dict[str, LoadedSplit]
    out: Path
    checkpoint: Checkpoint

    @property
    def steps(self) -> int:
        """Of an epoch."""
        return steps_per_epoch(self.splits["train"], self.config)

    @property
    def batch_images(self) -> int:
        """In a batch."""
        return batch_size(len(self.splits["train"].labels), self.config)


def build_model(config: Config) -> keras.Model:
    """The network to train, on all GPUs where there are several: each gets its part of every batch.

    Raises:
        WeightsError: the config's weights cannot be had.
    """
    several = len(tf.config.list_logical_devices("GPU")) > 1
    strategy = tf.distribute.MirroredStrategy() if several else tf.distribute.get_strategy()
    with strategy.scope():
        return build_detector(config.model)


def train(model: keras.Model, training: Training) -> None:
    """Goes on from the checkpoint to the end, in place; every finished epoch goes into it, and the best one stays.

    Raises:
        DivergedError: the loss is no number.
        OutputError: an epoch cannot be saved.
    """
    config, progress = training.config, training.checkpoint.read()
    if progress.epochs:
        training.checkpoint.restore(model, progress.epochs - 1)
    keeper = EpochKeeper(training.checkpoint, History(training.out), progress)
    with EpochBars(config.optimisation.epochs, training.batch_images) as bars:
        for phase in phases(config):
            if not phase.is_over(keeper.progress):
                with model.distribute_strategy.scope():
                    compile_for(model, phase, config.optimisation, steps=training.steps)
                keeper.phase = phase
                _train_phase(training, model, (bars, keeper))


def _train_phase(training: Training, model: keras.Model, callbacks: tuple[EpochBars, EpochKeeper]) -> None:
    """Trains the model in place from the keeper's progress to the end of its phase."""
    _, keeper = callbacks
    first, last = keeper.progress.epochs, keeper.phase.epochs.stop
    if first > keeper.phase.epochs.start:
        training.checkpoint.restore(model, first - 1)  # the optimizer's values too, now that there is one
    splits, config = training.splits, training.config
    model.fit(
        training_batches(splits["train"], config, epochs=range(first, last)),
        validation_data=evaluation_batches(splits["val"], config.optimisation.batch_images),
        initial_epoch=first,
        epochs=last,
        steps_per_epoch=training.steps,
        callbacks=list(callbacks),
        shuffle=False,  # the batches are shuffled already
        verbose=0,
    )
