"""How good answers are, in the figures of the field; those that scikit-learn has are scikit-learn's."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from sklearn import metrics

from ace_client.contract import DEFAULT_THRESHOLD

from .scored import Floats, Scored

TITLES: Final = {  # in the order of the tables
    "auc": "AUC",
    "pr_auc": "PR-AUC (average precision)",
    "equal_error_rate": "equal error rate",
    "tpr_at_fpr_1pct": "TPR at 1 % FPR",
    "tpr_at_fpr_01pct": "TPR at 0.1 % FPR",
    "accuracy": "accuracy at 0.5",
    "accuracy_at_threshold": "accuracy at the threshold",
    "balanced_accuracy": "balanced accuracy at the threshold",
    "true_negative_rate": "TNR on real at the threshold",
    "true_positive_rate": "TPR on fake at the threshold",
    "log_loss": "log loss",
    "brier": "Brier score",
    "ece": "ECE (10 bins)",
}
ECE_BINS: Final = 10


def figures(scored: Scored, threshold: float) -> dict[str, float | None]:
    """Every figure of `TITLES`; None where a class that it needs is missing, or where there are no rows at all."""
    fake, prob = scored.fake, scored.prob_fake
    if not len(scored):
        return dict.fromkeys(TITLES)
    called_fake = prob >= threshold
    real_rate, fake_rate = _rate(~called_fake[~fake]), _rate(called_fake[fake])
    found: dict[str, Any] = {
        "accuracy": metrics.accuracy_score(fake, prob >= DEFAULT_THRESHOLD),
        "accuracy_at_threshold": metrics.accuracy_score(fake, called_fake),
        "true_negative_rate": real_rate,
        "true_positive_rate": fake_rate,
        "log_loss": metrics.log_loss(fake, prob, labels=[False, True]),
        "brier": metrics.brier_score_loss(fake, prob),
        "ece": calibration_error(fake, prob, np.ones((1, len(prob))))[0],
    }
    if scored.both_classes:
        found |= _of_both_classes(fake, prob)
        found["balanced_accuracy"] = metrics.balanced_accuracy_score(fake, called_fake)
    return {name: None if found.get(name) is None else float(found[name] or 0) for name in TITLES}


def _of_both_classes(fake: npt.NDArray[np.bool_], prob: Floats) -> dict[str, Any]:
    fpr, tpr, _ = metrics.roc_curve(fake, prob, drop_intermediate=False)
    return {
        "auc": metrics.roc_auc_score(fake, prob),
        "pr_auc": metrics.average_precision_score(fake, prob),
        "equal_error_rate": equal_error_rate(fpr, tpr),
        "tpr_at_fpr_1pct": tpr_at(fpr, tpr, 0.01),
        "tpr_at_fpr_01pct": tpr_at(fpr, tpr, 0.001),
    }


def confusion(scored: Scored, threshold: float) -> list[list[int]]:
    """Rows: real and fake in truth. Columns: called real, called fake."""
    matrix = metrics.confusion_matrix(scored.fake, scored.prob_fake >= threshold, labels=[False, True])
    return [[int(count) for count in row] for row in matrix]


def equal_error_rate(fpr: Floats, tpr: Floats) -> Floats:
    """Where as many real ones are called fake as fake ones real, on the straight lines between the curve's points.

    [..., points] of a ROC curve from (0, 0) on → [...].
    """
    gap = fpr - (1 - tpr)  # from -1 up to 1
    after = np.argmax(gap >= 0, axis=-1)[..., np.newaxis]
    before = np.maximum(after - 1, 0)
    low, high = np.take_along_axis(gap, before, -1), np.take_along_axis(gap, after, -1)
    share = np.divide(-low, high - low, out=np.zeros_like(low), where=high > low)
    start, end = np.take_along_axis(fpr, before, -1), np.take_along_axis(fpr, after, -1)
    return np.asarray((start + share * (end - start))[..., 0], np.float64)


def tpr_at(fpr: Floats, tpr: Floats, limit: float) -> Floats:
    """The largest true-positive rate of a point of the curve whose false-positive rate is at most the limit."""
    return np.asarray(np.max(np.where(fpr <= limit + 1e-12, tpr, 0.0), axis=-1), np.float64)


def calibration_error(fake: npt.NDArray[np.bool_], prob: Floats, weights: Floats) -> Floats:
    """ECE: how far P(fake) is from the share of fakes, over bins of equal width: bool[n], [n], [b, n] → [b].

    Guo et al., 2017, arXiv:1706.04599, for P(fake) instead of the winning class's probability.
    """
    bins = np.eye(ECE_BINS)[reliability_bins(prob)]  # [n, bins]
    gaps = np.abs(weights @ (bins * (prob - fake)[:, np.newaxis]))
    return np.asarray(gaps.sum(1) / weights.sum(1), np.float64)


def reliability_bins(prob: Floats) -> npt.NDArray[np.intp]:
    """Which of the bins each probability lies in."""
    return np.minimum((prob * ECE_BINS).astype(np.intp), ECE_BINS - 1)


def _rate(flags: npt.NDArray[np.bool_]) -> float | None:
    return float(flags.mean()) if flags.size else None
