"""What is chosen on the validation set: how sure the detector may be, and from where on an image is called fake.

The temperature comes first, for it changes the probabilities; the threshold is one of the probabilities after it.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from .scored import Floats, Scored, probability

COLDEST: Final = 0.05
HOTTEST: Final = 20.0
_MARGIN: Final = 1e-3  # of a logit, above a score that nothing lies above
_LARGEST_LOGIT: Final = 50.0
RULE: Final = (
    "The threshold is the lowest at which the share of a new real video's frames that are called fake can be expected "
    "to be at most the target, whatever the scores' distribution, as long as it comes as the validation videos did: "
    "(the sum of those shares over n real validation videos + 1) / (n + 1) is at most the target. Below 1 / target - 1 "
    "videos no threshold can promise that; then no real validation frame is called fake, and the rate that can be "
    "vouched for is 1 / (n + 1). It lies half way, as a logit, to the next higher score of the validation set. Where "
    "these videos chose the epoch too, as in `fit`, they look easier than new ones are: the rate is approximate."
)


@dataclass(frozen=True, kw_only=True)
class OperatingPoint:
    """How logits become answers."""

    temperature: float = 1.0  # divides the logit
    threshold: float  # of P(fake) after the temperature; at or above it an image is called fake


@dataclass(frozen=True, kw_only=True)
class Calibration(OperatingPoint):
    """What was chosen, and what it does on the validation set."""

    target_fpr: float
    vouched_fpr: float  # what the number of videos allows to be promised: the target, or more
    real_videos: int
    fake_videos: int
    log_loss_before: float
    log_loss_after: float
    false_positive_rate: float  # of validation frames, each video counting alike
    true_positive_rate: float


def calibrate(validation: Scored, logits: Floats, *, target_fpr: float) -> Calibration:
    """What to bake in, by the validation set's images, real and fake, and their logits before any temperature."""
    temperature = fit_temperature(validation.fake, logits)
    prob_fake = probability(logits, temperature)
    real = ~validation.fake
    videos = validation.videos(False)
    shares = video_shares(validation.video[real])
    threshold = choose_threshold(prob_fake[real], shares, prob_fake, target_fpr)
    fake_shares = video_shares(validation.video[validation.fake])
    return Calibration(
        temperature=temperature,
        threshold=threshold,
        target_fpr=target_fpr,
        vouched_fpr=max(target_fpr, 1 / (videos + 1)),
        real_videos=videos,
        fake_videos=validation.videos(True),
        log_loss_before=log_loss(validation.fake, logits),
        log_loss_after=log_loss(validation.fake, logits / temperature),
        false_positive_rate=float(shares @ (prob_fake[real] >= threshold) / videos),
        true_positive_rate=float(fake_shares @ (prob_fake[validation.fake] >= threshold) / validation.videos(True)),
    )


def fit_temperature(fake: npt.NDArray[np.bool_], logits: Floats) -> float:
    """The divisor of the logits with the lowest log loss, between 0.05 and 20 (Guo et al., 2017, arXiv:1706.04599).

    1 where every image is on its side of 0.5: the loss would fall all the way to 0, and nothing says where to stop.
    """
    if ((logits > 0) == fake).all():
        return 1.0
    low, high = 1 / HOTTEST, 1 / COLDEST  # of 1 / temperature, in which the loss is convex: its slope crosses 0 once
    for _ in range(60):
        middle = (low + high) / 2
        if np.mean((probability(middle * logits) - fake) * logits) > 0:
            high = middle
        else:
            low = middle
    return float(2 / (low + high))


def log_loss(fake: npt.NDArray[np.bool_], logits: Floats) -> float:
    """The mean of -log P(truth), which no logit is too large for."""
    return float(np.mean(np.logaddexp(0, np.where(fake, -logits, logits))))


def video_shares(video: npt.NDArray[np.intp]) -> Floats:
    """What part of its video each frame is: 1 / the number of the video's frames."""
    _, which, counts = np.unique(video, return_inverse=True, return_counts=True)
    return np.asarray(1 / counts[which], np.float64)


def choose_threshold(real: Floats, shares: Floats, every: Floats, target_fpr: float) -> float:
    """The threshold that `RULE` describes.

    `real` are P(fake) of the real frames, `shares` what part of their videos they are, `every` P(fake) of all frames.
    Split conformal prediction with a video's frames as one draw: Dunn, Wasserman & Ramdas, 2018, arXiv:1809.07441.
    """
    budget = max(0.0, target_fpr * (shares.sum() + 1) - 1)  # of whole videos that may be called fake
    scores, which = np.unique(real, return_inverse=True)
    at_or_above = np.cumsum(np.bincount(which, shares)[::-1])[::-1]
    below = scores[at_or_above > budget + 1e-9].max()  # the highest score that must be called real
    low = _logit(below)
    above = every[every > below]
    high = _logit(above.min()) if above.size else low + 2 * _MARGIN
    return float(probability(np.array((low + high) / 2)))


def _logit(prob: float) -> float:
    with np.errstate(divide="ignore"):
        return float(np.clip(np.log(prob) - np.log1p(-prob), -_LARGEST_LOGIT, _LARGEST_LOGIT))
