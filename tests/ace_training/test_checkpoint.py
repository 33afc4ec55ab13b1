import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
import pytest

from ace_training.checkpoint import Checkpoint, Progress
from ace_training.errors import OutputError

IDENTITY = {"config": {"model": {"width": 0.1}}, "images": "hash"}


@pytest.fixture
def checkpoint(tmp_path: Path) -> Checkpoint:
    return Checkpoint(tmp_path / "out" / "checkpoint", IDENTITY)


def network() -> keras.Model:
    """One with an optimizer that remembers, and a random stream."""
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(2), keras.layers.Dropout(0.5), keras.layers.Dense(1)]
    )
    model.compile(keras.optimizers.AdamW(0.1), loss="mse")
    model.optimizer.build(model.trainable_variables)
    return model


def train_a_step(model: keras.Model) -> float:
    return float(model.train_on_batch(np.arange(12.0).reshape(4, 3), np.ones((4, 1))))


def progress(*val_auc: float) -> Progress:
    return Progress(tuple({"loss": 0.5, "val_auc": auc} for auc in val_auc), seconds=1.5)


@contextmanager
def disk_full_after(size: int) -> Iterator[None]:
    """No file can be written beyond that many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_without_a_checkpoint_there_is_no_progress(checkpoint):
    assert checkpoint.read() == Progress()


def test_a_model_goes_on_as_if_nothing_had_been(checkpoint):
    model = network()
    train_a_step(model)
    checkpoint.save(model, progress(0.7))
    expected = [train_a_step(model) for _ in range(3)]

    other = network()
    checkpoint.restore(other, checkpoint.read().epochs - 1)

    assert [train_a_step(other) for _ in range(3)] == expected


def test_the_progress_is_as_it_was_saved(checkpoint):
    checkpoint.save(network(), progress(0.7, 0.9))

    assert checkpoint.read() == progress(0.7, 0.9)


def test_only_the_last_and_the_best_epoch_are_kept(checkpoint):
    model = network()
    for epochs in range(1, 5):
        checkpoint.save(model, progress(*(0.7, 0.9, 0.9, 0.8)[:epochs]))

    assert checkpoint.read().best_epoch == 1  # the first of the best
    assert sorted(file.name for file in checkpoint.folder.iterdir()) == [
        "epoch_0002.npz",
        "epoch_0004.npz",
        "progress.json",
    ]


@pytest.mark.parametrize("size", [100, 2000])  # of these, the model's file or what is left of the progress does not fit
def test_on_a_full_disk_the_checkpoint_before_survives(checkpoint, size):
    model = network()
    checkpoint.save(model, progress(0.7))
    kept = {file: file.read_bytes() for file in checkpoint.folder.iterdir()}
    train_a_step(model)

    with disk_full_after(size), pytest.raises(OutputError) as failed:
        checkpoint.save(model, progress(0.7, *[0.9] * 30))

    assert str(failed.value).startswith(
        f"Epoch 31 could not be saved in {checkpoint.folder}: File too large. The epochs"
    )
    assert {file: file.read_bytes() for file in checkpoint.folder.iterdir() if file in kept} == kept
    assert checkpoint.read() == progress(0.7)
    assert not [file for file in checkpoint.folder.iterdir() if file.name.endswith(".partial")]


def test_what_differs_from_another_trainings_checkpoint_is_named(checkpoint):
    checkpoint.save(network(), progress(0.7))
    other = Checkpoint(checkpoint.folder, {"config": {"model": {"width": 0.2}}, "images": "other"})

    with pytest.raises(OutputError, match=r"a training with other config.model.width, images\. .*--overwrite"):
        other.read()


def with_a_bit_turned(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.mark.parametrize("name", ["progress.json", "epoch_0001.npz", "epoch_0003.npz"])  # the best is 1, the last 3
@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"",
        lambda _: b"{}",
        lambda whole: whole[: len(whole) // 2],
        lambda whole: whole[:1],
        lambda whole: whole.replace(b'"history"', b'"hi') if whole[:1] == b"{" else with_a_bit_turned(whole, 200),
        lambda whole: with_a_bit_turned(whole, whole.rfind(b"PK\1\2") + 10) if whole[:1] != b"{" else b"[]",
    ],
    ids=["empty", "other", "cut", "a byte", "a bit", "method"],
)
def test_a_damaged_file_is_named_and_overwriting_begins_anew(checkpoint, name, damage):
    model = network()
    for saved in (progress(0.7), progress(0.7, 0.6), progress(0.7, 0.6, 0.5)):
        checkpoint.save(model, saved)
    assert checkpoint.go_on(overwrite=True) == progress(0.7, 0.6, 0.5)
    damaged = checkpoint.folder / name
    damaged.write_bytes(damage(damaged.read_bytes()))

    with pytest.raises(OutputError, match=f"{damaged} .*--overwrite"):
        checkpoint.go_on(overwrite=False)

    assert checkpoint.go_on(overwrite=True) == checkpoint.read() == Progress()


def test_an_epoch_of_another_network_is_named(checkpoint):
    checkpoint.save(network(), progress(0.7))

    with pytest.raises(OutputError, match=r"epoch_0001.npz does not hold what was saved there\. Pass --overwrite"):
        checkpoint.restore(keras.Sequential([keras.Input((3,)), keras.layers.Dense(7)]), 0)


def test_a_deleted_checkpoint_is_gone(checkpoint):
    checkpoint.save(network(), progress(0.7))

    checkpoint.delete()

    assert not checkpoint.folder.exists()
    assert checkpoint.read() == Progress()
