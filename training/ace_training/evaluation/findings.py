"""An evaluation from beginning to end: scores, operating point, figures."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Final

from ace_client.contract import DEFAULT_THRESHOLD
from ace_training.errors import EvaluationError
from ace_training.image_files import CLASS_NAMES
from ace_training.manifest import ManifestEntry, images_digest, read_manifest

from .calibration import Calibration, OperatingPoint, calibrate
from .robustness import Curve, curves, spread
from .scored import Floats, Scored, probability, scored
from .scorers import KerasFile, Scorer
from .scoring import logits_of
from .tables import Table, reservations, table

VALIDATION: Final = "val"
TEST: Final = "test"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is to be found out, on what."""

    data: Path
    target_fpr: float = 0.01
    trained_on: str | None = None  # the digest of the set that the detector was trained on, where a report says it
    cross: tuple[Path, ...] = ()  # other sets
    robustness: int = 400  # images that are degraded in every way; 0 for none


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What was found."""

    model: str
    sha256: str | None  # of a `.keras` file
    data: str
    own_set: bool  # whether this is the set that the detector was trained on, of whose leakage its report tells
    evaluated_at: str
    point: OperatingPoint
    calibration: Calibration | None  # None for what is served already, with an operating point of its own
    test: Table
    manipulations: dict[str, Table]  # each apart, with all real images; empty where only one is known
    cross: dict[str, Table]
    robustness_images: int
    robustness: list[Curve]
    reservations: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Answers:
    """The answers to the test set."""

    entries: list[ManifestEntry]
    logits: Floats
    frames: Scored


def evaluate(scorer: Scorer, plan: Plan) -> tuple[Findings, Answers]:
    """What the scorer's answers to the plan's images are worth.

    Raises:
        EvaluationError: a split is missing, or of a single class where both are needed; the scorer does not answer.
        ImageFolderError: an image cannot be read.
    """
    entries = read_manifest(plan.data)
    test = _split(plan.data, entries, TEST)
    others = {str(data): _test_or_all(data) for data in plan.cross}
    calibration = _calibration(scorer, plan, entries) if isinstance(scorer, KerasFile) else None
    logits = logits_of(scorer, plan.data, test, name="score test")
    point = calibration or _own_point(scorer)
    frames = scored(test, probability(logits, point.temperature))
    cross = {
        name: table(scored(other, probability(_cross_logits(scorer, name, other), point.temperature)), point.threshold)
        for name, other in others.items()
    }
    degraded = spread(test, plan.robustness)
    kinds = frames.by_manipulation()
    measured = table(frames, point.threshold)
    own_set = plan.trained_on == images_digest(plan.data, entries)
    found = Findings(
        model=scorer.name,
        sha256=scorer.detector.sha256 if isinstance(scorer, KerasFile) else None,
        data=str(plan.data),
        own_set=own_set,
        evaluated_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        point=OperatingPoint(temperature=point.temperature, threshold=point.threshold),
        calibration=calibration,
        test=measured,
        manipulations={name: table(kind, point.threshold) for name, kind in kinds.items()} if len(kinds) > 1 else {},
        cross=cross,
        robustness_images=len(degraded),
        robustness=curves(scorer, plan.data, degraded, point) if degraded else [],
        reservations=[
            *_of_calibration(scorer, calibration),
            *([_of_chosen_epoch(calibration)] if own_set and calibration else []),
            *reservations(measured),
            *([] if own_set else [_of_another_set(plan)]),
        ],
    )
    return found, Answers(test, logits, frames)


def _split(data: Path, entries: Sequence[ManifestEntry], split: str) -> list[ManifestEntry]:
    mine = [entry for entry in entries if entry.split == split]
    if not mine:
        raise EvaluationError(
            f"{data} has no {split} images. Pass the folder that holds {{train,val,test}}/{{real,fake}}/, or one whose "
            "manifest.csv has that split."
        )
    return mine


def _test_or_all(data: Path) -> list[ManifestEntry]:
    """Of another set: its test images where it has some, else every image."""
    entries = read_manifest(data)
    return [entry for entry in entries if entry.split == TEST] or entries or _split(data, entries, TEST)


def _cross_logits(scorer: Scorer, name: str, entries: Sequence[ManifestEntry]) -> Floats:
    return logits_of(scorer, Path(name), entries, name=f"score {Path(name).name}")


def _calibration(scorer: Scorer, plan: Plan, entries: Sequence[ManifestEntry]) -> Calibration:
    """Chosen on the validation set."""
    validation = _split(plan.data, entries, VALIDATION)
    held = {entry.label for entry in validation}
    if held != set(CLASS_NAMES):
        raise EvaluationError(
            f"The val split of {plan.data} has no images but {', '.join(held)} ones, and temperature and threshold are "
            f"chosen on real and fake ones. Put some of the others into {plan.data / VALIDATION}."
        )
    logits = logits_of(scorer, plan.data, validation, name="score val")
    return calibrate(scored(validation, probability(logits)), logits, target_fpr=plan.target_fpr)


def _own_point(scorer: Scorer) -> OperatingPoint:
    return OperatingPoint(threshold=DEFAULT_THRESHOLD if scorer.threshold is None else scorer.threshold)


def _of_chosen_epoch(calibration: Calibration) -> str:
    """What choosing twice by the same videos costs."""
    return (
        "The validation videos chose the epoch, by AUC, as well as the threshold, and look easier than new ones are: "
        f"the false-positive rate of {calibration.vouched_fpr:.2g} is approximate, and may be somewhat higher."
    )


def _of_another_set(plan: Plan) -> str:
    """What is not known of a set that the detector was not trained on, or may not have been."""
    what = (
        f"No report says which images the detector was trained on. Whether {plan.data} has some of them"
        if plan.trained_on is None
        else f"{plan.data} is not the set that the detector was trained on, as that was. Whether it has images of that"
    )
    return f"{what}, or people or videos who are in them, nobody has looked at."


def _of_calibration(scorer: Scorer, calibration: Calibration | None) -> list[str]:
    """What limits the operating point."""
    if calibration is None:
        if scorer.threshold is not None:
            return []
        return [f"No image was called fake, so that the threshold does not show: {DEFAULT_THRESHOLD} was used."]
    found = []
    if calibration.vouched_fpr > calibration.target_fpr:
        found.append(
            f"{calibration.real_videos} real validation videos are too few to promise a false-positive rate of "
            f"{calibration.target_fpr:.3g}: {calibration.vouched_fpr:.2g} is what they allow, and "
            f"{math.ceil(1 / calibration.target_fpr) - 1} would be enough."
        )
    if calibration.temperature == 1:
        found.append("Every validation image is on its side of 0.5, so that the temperature was left at 1.")
    return found
