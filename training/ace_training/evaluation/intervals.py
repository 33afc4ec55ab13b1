"""How sure the figures are: 95 % intervals by a bootstrap over people, all resamples at once.

Frames of one video are alike, and so are videos of one face. What is drawn again is people: a video of one counts as
often as that one was drawn, a swap of two by the product of both, which is a little cautious (Owen, The pigeonhole
bootstrap, Annals of Applied Statistics 2007). Where nobody is known, or a class is of one person, it is videos, which
makes intervals too narrow where people are in several.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from ace_client.contract import DEFAULT_THRESHOLD

from .figures import TITLES, calibration_error, equal_error_rate, figures, tpr_at
from .scored import Floats, Scored

RESAMPLES: Final = 1000
_CELLS: Final = 4_000_000  # of a matrix of resamples by rows: 32 MB

Interval = tuple[float, float]


def intervals(scored: Scored, threshold: float, *, seed: int = 7) -> dict[str, Interval | None]:
    """The 2.5th and 97.5th percentile of each figure; None where the figure is, or where a class has a single video."""
    if any(scored.videos(fake) == 1 for fake in (False, True)):
        return dict.fromkeys(TITLES)
    known = figures(scored, threshold)
    rng = np.random.default_rng(seed)
    rows = max(1, _CELLS // max(1, len(scored)))
    parts = [
        resampled(scored, threshold, _weights(scored, min(rows, RESAMPLES - start), rng))
        for start in range(0, RESAMPLES, rows)
    ]
    found: dict[str, Interval | None] = {}
    for name in TITLES:
        values = np.concatenate([part[name] for part in parts])
        low, high = np.percentile(values, [2.5, 97.5]) if known[name] is not None else (np.nan, np.nan)
        found[name] = (float(low), float(high)) if np.isfinite(low) else None
    return found


def _weights(scored: Scored, resamples: int, rng: np.random.Generator) -> Floats:
    """How often each row is in each resample: [resamples, n]. No resample lacks a class."""
    people = _people(scored)
    real, fake = (np.unique(people[scored.fake == truth]) for truth in (False, True))
    if np.intersect1d(real, fake).size:
        return _drawn_together(scored, people, resamples, rng)
    weights = np.zeros((resamples, len(scored)))
    for rows in (~scored.fake, scored.fake):  # apart: each class keeps its size
        if rows.any():
            weights[:, rows] = _counts(people[rows], resamples, rng)
    return weights


def _people(scored: Scored) -> npt.NDArray[np.intp]:
    """Who is drawn with each row: [n, 2]; its video where a class is of one person only."""
    classes = [np.unique(scored.people[rows]) for rows in (~scored.fake, scored.fake) if rows.any()]
    if any(len(names) == 1 for names in classes):
        return np.stack([scored.video, scored.video], axis=1)
    return scored.people


def _drawn_together(scored: Scored, people: npt.NDArray[np.intp], resamples: int, rng: np.random.Generator) -> Floats:
    """The weights where real and fake rows are drawn by one hand; a resample that lacks a class is drawn anew."""
    weights = np.zeros((resamples, len(scored)))
    lacking = np.ones(resamples, bool)
    while lacking.any():
        weights[lacking] = _counts(people, int(lacking.sum()), rng)
        lacking = ~((weights @ scored.fake > 0) & (weights @ ~scored.fake > 0))
    return weights


def _counts(people: npt.NDArray[np.intp], resamples: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    names, row = np.unique(people, return_inverse=True)
    drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=resamples)
    first, second = row.reshape(people.shape).T
    return np.asarray(drawn[:, first] * np.where(first == second, 1, drawn[:, second]), np.int64)


def resampled(scored: Scored, threshold: float, weights: Floats) -> dict[str, Floats]:
    """Every figure where rows count as often as the weights say: [b, n] → [b] each; NaN where a class is missing."""
    fake, prob = scored.fake, scored.prob_fake
    clipped = np.clip(prob, np.finfo(np.float64).eps, 1 - np.finfo(np.float64).eps)
    whole = weights.sum(1)
    called_fake = prob >= threshold
    with np.errstate(divide="ignore", invalid="ignore"):
        tnr = weights @ (~fake & ~called_fake) / (weights @ ~fake)
        tpr = weights @ (fake & called_fake) / (weights @ fake)
        return {
            "accuracy": weights @ ((prob >= DEFAULT_THRESHOLD) == fake) / whole,
            "accuracy_at_threshold": weights @ (called_fake == fake) / whole,
            "balanced_accuracy": (tnr + tpr) / 2,
            "true_negative_rate": tnr,
            "true_positive_rate": tpr,
            "log_loss": weights @ -np.log(np.where(fake, clipped, 1 - clipped)) / whole,
            "brier": weights @ (prob - fake) ** 2 / whole,
            "ece": calibration_error(fake, prob, weights),
            **_of_curves(fake, prob, weights),
        }


def _of_curves(fake: npt.NDArray[np.bool_], prob: Floats, weights: Floats) -> dict[str, Floats]:
    """What the ROC and PR curves say, one point for each probability that occurs."""
    order = np.argsort(-prob, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(prob[order]) != 0])
    gained = weights[:, order]

    def positives(chosen: npt.NDArray[np.bool_]) -> Floats:
        steps = np.add.reduceat(gained * chosen[order], starts, axis=1)
        return np.pad(np.cumsum(steps, axis=1), ((0, 0), (1, 0)))  # [b, points], from 0 on

    true, false = positives(fake), positives(~fake)
    tpr, fpr = true / true[:, -1:], false / false[:, -1:]
    precision = np.nan_to_num(true / (true + false))
    return {
        "auc": (np.diff(fpr) * (tpr[:, 1:] + tpr[:, :-1]) / 2).sum(1),
        "pr_auc": (np.diff(tpr) * precision[:, 1:]).sum(1),
        "equal_error_rate": equal_error_rate(fpr, tpr),
        "tpr_at_fpr_1pct": tpr_at(fpr, tpr, 0.01),
        "tpr_at_fpr_01pct": tpr_at(fpr, tpr, 0.001),
    }
