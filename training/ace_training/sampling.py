"""Which images an epoch shows, in which order, and what each counts for in the loss."""

import numpy as np
import numpy.typing as npt

from .config import Config

Indices = npt.NDArray[np.int64]


def epoch_order(labels: npt.NDArray[np.int64], config: Config, *, epoch: int) -> Indices:
    """The images of one epoch, by their places in the split, in whole batches: int64[steps × batch].

    Another order each epoch, which depends on nothing but the seed and the epoch, so that a training that goes on where
    another one was killed shows what that one would have shown. What is left over beyond whole batches waits for
    another epoch. Balanced sampling repeats images of the smaller class and leaves out some of the larger one; of the
    real ones it draws so many more as become self-blended fakes.
    """
    rng = np.random.default_rng([config.optimisation.seed, epoch])
    if config.data.balance == "sampling":
        reals = round(len(labels) * 0.5 / (1 - config.data.self_blended_share))
        counts = (reals, len(labels) - reals)
        drawn = [np.resize(rng.permutation(np.flatnonzero(labels == label)), counts[label]) for label in (0, 1)]
        order = rng.permutation(np.concatenate(drawn))
    else:
        order = rng.permutation(len(labels))
    batch = batch_size(len(labels), config)
    return order[: len(order) // batch * batch]


def batch_size(images: int, config: Config) -> int:
    """That of the config, or all images where there are fewer."""
    return min(config.optimisation.batch_images, images)


def class_weights(labels: npt.NDArray[np.int64], config: Config) -> tuple[float, float]:
    """What a real image and a fake count for in the loss: 1 on average, and both classes as much in all.

    Of the classes as training shows them: self-blended fakes count among the fakes.
    """
    if config.data.balance != "weights":
        return 1.0, 1.0
    blended = config.data.self_blended_share * float(np.mean(labels == 0))
    real = float(np.mean(labels == 0)) - blended
    return 0.5 / real, 0.5 / (1 - real)
