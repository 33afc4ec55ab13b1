"""What is to be seen in a report: the charts, the worst mistakes, and where the network looked."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from ace_training.camera import Frame

from . import charts
from .explanation import overlays
from .findings import Answers, Findings
from .scored import probability, scored
from .scorers import KerasFile, Scorer

TILE_PX: Final = 192
WORST: Final = 8  # mistakes of each kind
EXPLAINED: Final = 4  # images of each truth


@dataclass(frozen=True)
class Picture:
    """A file of the report."""

    section: str  # curves, robustness, learning, mistakes, explanations
    name: str  # of the file
    title: str
    data: bytes

    @property
    def source(self) -> str:
        """The picture as an address that needs no file."""
        kind = "image/svg+xml" if self.name.endswith(".svg") else "image/jpeg"
        return f"data:{kind};base64,{base64.b64encode(self.data).decode()}"


def draw(scorer: Scorer, findings: Findings, answers: Answers, report: Mapping[str, Any]) -> list[Picture]:
    """All pictures; those that cannot be, as a ROC curve of one class, are left out."""
    data = Path(findings.data)
    explained = _explanations(scorer, data, findings, answers) if isinstance(scorer, KerasFile) else []
    return [*_charts(findings, answers), *_learning(report), *_mistakes(data, findings, answers), *explained]


def _charts(findings: Findings, answers: Answers) -> list[Picture]:
    threshold, frames = findings.point.threshold, answers.frames
    levels = {"frames": frames, "videos": frames.by_video()}
    drawn = []
    if frames.both_classes:
        drawn += [
            _chart("curves", "roc", "ROC", charts.roc(levels, threshold)),
            _chart("curves", "precision-recall", "Precision and recall", charts.precision_recall(levels)),
        ]
    before = {"before the temperature": scored(answers.entries, probability(answers.logits))}
    versions = before | {f"after it ({findings.point.temperature:.3g})": frames} if findings.calibration else levels
    drawn.append(_chart("curves", "reliability", "Reliability of P(fake)", charts.reliability(versions)))
    for name, rows in levels.items():
        title, drawing = f"P(fake) of {name}", charts.histogram(rows, threshold, rows=name)
        drawn.append(_chart("curves", f"histogram-{name}", title, drawing))
    for curve in findings.robustness:
        name = f"robustness-{curve.name.lower().replace(' ', '-')}"
        drawn.append(_chart("robustness", name, curve.name, charts.robustness(curve)))
    return drawn


def _learning(report: Mapping[str, Any]) -> list[Picture]:
    history = report.get("history") or {}
    return [
        _chart("learning", f"learning-{name}", title, charts.learning(history, name))
        for name, title in (("loss", "Loss"), ("auc", "AUC"))
        if history.get(name) or history.get(f"val_{name}")
    ]


def _mistakes(data: Path, findings: Findings, answers: Answers) -> list[Picture]:
    """The real images that are most surely called fake, then the fake ones that are most surely called real."""
    prob, fake = answers.frames.prob_fake, answers.frames.fake
    called_fake = prob >= findings.point.threshold
    worst = [
        *_first(-prob, ~fake & called_fake, WORST),
        *_first(prob, fake & ~called_fake, WORST),
    ]
    return [
        Picture("mistakes", f"mistake-{rank}.jpg", _caption(answers, at), _tile(_read(data, answers.entries[at].file)))
        for rank, at in enumerate(worst, 1)
    ]


def _explanations(scorer: KerasFile, data: Path, findings: Findings, answers: Answers) -> list[Picture]:
    """Where the network looked: in the images of either truth that it is surest of, and in the worst of each."""
    prob, fake = answers.frames.prob_fake, answers.frames.fake
    chosen: list[int] = []
    for truth, order in ((~fake, prob), (fake, -prob)):
        chosen += list(dict.fromkeys([*_first(order, truth, EXPLAINED - 1), *_first(-order, truth, 1)]))
    called_fake = [bool(prob[at] >= findings.point.threshold) for at in chosen]
    images = [(data / answers.entries[at].file).read_bytes() for at in chosen]
    drawn = overlays(scorer.detector, scorer.read(images).pixels, called_fake) or []
    return [
        Picture("explanations", f"grad-cam-{rank}.jpg", _caption(answers, at), _tile(picture))
        for rank, (at, picture) in enumerate(zip(chosen, drawn, strict=False), 1)
    ]


def _first(key: npt.NDArray[Any], among: npt.NDArray[np.bool_], count: int) -> list[int]:
    """The rows among some with the lowest keys."""
    rows = np.flatnonzero(among)
    return [int(row) for row in rows[np.argsort(key[rows], kind="stable")][:count]]


def _caption(answers: Answers, at: int) -> str:
    entry = answers.entries[at]
    return f"{Path(entry.file).name}: {entry.label}, P(fake) {answers.frames.prob_fake[at]:.3f}"


def _read(data: Path, file: str) -> Frame:
    image = cv2.imread(str(data / file))
    return np.zeros((1, 1, 3), np.uint8) if image is None else image  # it was read before: a blank will do


def _tile(image: Frame) -> bytes:
    """The image in a square, as a JPEG."""
    scale = TILE_PX / max(image.shape[:2])
    height, width = (max(1, round(side * scale)) for side in image.shape[:2])
    shown = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    top, left = (TILE_PX - height) // 2, (TILE_PX - width) // 2
    tile = np.full((TILE_PX, TILE_PX, 3), 255, np.uint8)
    tile[top : top + height, left : left + width] = shown
    return bytes(cv2.imencode(".jpg", tile, [cv2.IMWRITE_JPEG_QUALITY, 88])[1])


def _chart(section: str, name: str, title: str, svg: str) -> Picture:
    return Picture(section, f"{name}.svg", title, svg.encode())


def of(section: str, pictures: Sequence[Picture]) -> list[Picture]:
    """Those of one section."""
    return [picture for picture in pictures if picture.section == section]
