import csv
import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from ace_training.checkpoint import Checkpoint, Progress
from ace_training.config_file import read_config
from ace_training.epochs import EpochKeeper
from ace_training.errors import DivergedError, OutputError
from ace_training.history import CSV_FILE, LOGS, History
from ace_training.phases import compile_for, phases

STEPS = 3
CONFIG = read_config("smoke", {"optimisation.epochs": 6})


def kept_training(out, inputs: np.ndarray) -> EpochKeeper:
    """The real loop and what belongs to it around a network of one layer."""
    checkpoint = Checkpoint(out / "checkpoint", {})
    keeper = EpochKeeper(checkpoint, History(out), checkpoint.read())
    keeper.phase = dataclasses.replace(phases(CONFIG)[0], patience_epochs=2)
    keras.utils.set_random_seed(1)
    network = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dropout(0.1), keras.layers.Dense(1, activation="sigmoid")]
    )
    compile_for(network, keeper.phase, CONFIG.optimisation, steps=STEPS)
    batches = tf.data.Dataset.from_tensor_slices((inputs, np.tile([[0.0], [1.0]], (6, 1)))).batch(4)
    network.fit(
        batches.repeat(),
        validation_data=batches,
        steps_per_epoch=STEPS,
        epochs=6,
        callbacks=[keeper],
        shuffle=False,
        verbose=0,
    )
    return keeper


def test_training_ends_where_no_epoch_is_better_and_history_has_every_epoch(tmp_path):
    keeper = kept_training(tmp_path, np.zeros((12, 2), np.float32))  # nothing to learn: every AUC is the same

    assert keeper.progress.epochs == 3
    assert keeper.progress.best_epoch == 0
    rows = list(csv.DictReader((tmp_path / CSV_FILE).read_text().splitlines()))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert rows[0].keys() == {"epoch", *keeper.progress.columns()}
    assert {"loss", "auc", "val_loss", "val_auc", "learning_rate"} <= rows[0].keys()


def test_tensorboards_files_have_every_epoch_once_also_after_a_second_run(tmp_path):
    history = ({"loss": 0.5, "val_loss": 0.6}, {"loss": 0.4, "val_loss": 0.5}, {"loss": 0.3, "val_loss": 0.4})
    History(tmp_path).write(Progress(history[:2]))

    resumed = History(tmp_path)
    for epochs in (2, 3):
        resumed.write(Progress(history[:epochs]))

    for run, name in (("train", "loss"), ("validation", "val_loss")):
        (file,) = (tmp_path / LOGS / run).iterdir()
        values = [
            (event.step, tf.make_ndarray(value.tensor).item())
            for event in tf.compat.v1.train.summary_iterator(str(file))
            for value in event.summary.value
        ]
        assert values == [(epoch, pytest.approx(row[name])) for epoch, row in enumerate(history)]


@pytest.mark.parametrize("name", [CSV_FILE, LOGS])
def test_a_history_that_cannot_be_written_is_an_error_that_says_what_is_safe(tmp_path, name):
    if name == CSV_FILE:
        (tmp_path / name).mkdir()
    else:
        (tmp_path / name).write_text("in the way")

    with pytest.raises(OutputError, match=f"could not be written into {tmp_path}: .* The finished epochs are safe"):
        History(tmp_path).write(Progress(({"loss": 0.5, "val_loss": 0.6},)))


def test_a_loss_that_is_no_number_ends_training_with_epoch_and_learning_rate(tmp_path):
    inputs = np.zeros((12, 2), np.float32)
    inputs[9] = np.nan

    with pytest.raises(
        DivergedError, match=r"The loss is nan in epoch 1, step 3, at a learning rate of 0\.00\d+\. Lower"
    ):
        kept_training(tmp_path, inputs)

    assert list(tmp_path.iterdir()) == []
