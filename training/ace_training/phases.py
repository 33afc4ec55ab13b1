"""The stretches that a training has: what of the network learns in each, and by which optimizer."""

from dataclasses import dataclass
from typing import Final

import keras
import tensorflow as tf

from .checkpoint import Progress
from .config import Config, Optimisation

HEAD_LAYERS: Final = 2  # dropout and the answer


@dataclass(frozen=True, kw_only=True)
class Phase:
    """Some epochs with one optimizer."""

    epochs: range  # from 0
    learning_rate: float  # at its peak
    backbone_learns: bool
    batch_norms_learn: bool
    patience_epochs: int  # without a better validation AUC

    def is_over(self, progress: Progress) -> bool:
        """Whether its epochs are finished, or enough of them went by without a better validation AUC.

        While only the head learns there is nothing to wait for: the epochs that count come after it.
        """
        if progress.epochs >= self.epochs.stop:
            return True
        if not self.backbone_learns or not progress.epochs:
            return False
        since = max(progress.best_epoch, self.epochs.start - 1)
        return progress.epochs - 1 - since >= self.patience_epochs


def phases(config: Config) -> tuple[Phase, ...]:
    """From scratch one phase, in which everything learns.

    From pretrained weights the head first, whose random answers would else tear at the backbone; then all of it but the
    batch norms, which keep the statistics that the pretrained weights were made with.
    """
    settings, pretrained = config.optimisation, config.model.is_pretrained
    head = min(settings.head_epochs, settings.epochs) if pretrained else 0
    whole = Phase(
        epochs=range(head, settings.epochs),
        learning_rate=settings.learning_rate,
        backbone_learns=True,
        batch_norms_learn=not pretrained,
        patience_epochs=settings.patience_epochs,
    )
    first = Phase(
        epochs=range(head),
        learning_rate=settings.head_learning_rate,
        backbone_learns=False,
        batch_norms_learn=False,
        patience_epochs=settings.patience_epochs,
    )
    return tuple(phase for phase in (first, whole) if phase.epochs)


def compile_for(model: keras.Model, phase: Phase, settings: Optimisation, *, steps: int) -> None:
    """Freezes what does not learn in the phase and gives the model a new optimizer, for so many steps an epoch."""
    for layer in model.layers[:-HEAD_LAYERS]:
        norm = isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = phase.batch_norms_learn if norm else phase.backbone_learns
    optimizer = keras.optimizers.AdamW(
        _learning_rate(phase.learning_rate, settings.warm_up_share, steps=steps * len(phase.epochs)),
        weight_decay=settings.weight_decay,
        global_clipnorm=settings.clip_norm,
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "beta", "gamma"])
    model.compile(
        optimizer=optimizer,
        loss=keras.losses.BinaryCrossentropy(label_smoothing=settings.label_smoothing),
        metrics=[keras.metrics.BinaryAccuracy(name="accuracy"), keras.metrics.AUC(name="auc")],
        # On CPUs XLA trains depthwise layers 10 times slower; over several GPUs it cannot sum gradients.
        jit_compile=len(tf.config.list_physical_devices("GPU")) == 1 and not settings.deterministic,
    )
    model.optimizer.build(model.trainable_variables)


def _learning_rate(peak: float, warm_up_share: float, *, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """Up from a tenth of the peak in the first steps, then down to nothing along a cosine."""
    warm_up = max(1, round(steps * warm_up_share))
    return keras.optimizers.schedules.CosineDecay(
        peak / 10, decay_steps=max(1, steps - warm_up), warmup_target=peak, warmup_steps=warm_up
    )
