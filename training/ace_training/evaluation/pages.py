"""What is kept of an evaluation: pages for people, files for programs, and what the exporter bakes in."""

import csv
import dataclasses
import io
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from ace_training.errors import OutputError

from . import records
from .calibration import RULE
from .figures import TITLES
from .findings import Answers, Findings
from .pictures import Picture, of
from .records import CARD
from .tables import Level

PAGE: Final = "report.html"
TEXT: Final = "report.md"
NUMBERS: Final = "evaluation.json"
SCORES: Final = "scores.csv"
PICTURES: Final = "pictures"


def write(out: Path, findings: Findings, answers: Answers, pictures: Sequence[Picture]) -> Path:
    """Fills a folder with `report.html`, whose path it returns, `report.md`, its pictures, the numbers and the scores.

    Raises:
        OutputError: they cannot be written.
    """
    try:
        shutil.rmtree(out / PICTURES, ignore_errors=True)
        (out / PICTURES).mkdir(parents=True)
        for picture in pictures:
            (out / PICTURES / picture.name).write_bytes(picture.data)
    except OSError as error:
        raise OutputError(f"{out} cannot be written: {error.strerror}. Name another folder with --out.") from error
    records.write(out / NUMBERS, json.dumps(as_json(findings), indent=2) + "\n")
    records.write(out / SCORES, _scores(answers))
    records.write(out / TEXT, render(TEXT, findings, pictures=pictures, folder=PICTURES))
    records.write(out / PAGE, render(PAGE, findings, pictures=pictures))
    return out / PAGE


def write_beside(detector: Path, findings: Findings, report: Mapping[str, Any]) -> None:
    """Adds the operating point and the figures to the detector's `report.json`, and puts a card beside it.

    `threshold` and `temperature` are what the exporter bakes in. Everything else that the report says stays.

    Raises:
        OutputError: they cannot be written.
    """
    found = as_json(findings)
    whole = {
        **report,
        "threshold": findings.point.threshold,
        "temperature": findings.point.temperature,
        "calibration": found["calibration"],
        "evaluation": {name: found[name] for name in ("data", "evaluated_at", "test", "manipulations", "cross")},
    }
    records.write(detector.with_name(CARD), render(CARD, findings, report=report, detector=detector.name))
    records.write(detector.with_name("report.json"), json.dumps(whole, indent=2) + "\n")


def as_json(findings: Findings) -> dict[str, Any]:
    """All of it for programs; a figure that there is none of is null."""
    return dataclasses.asdict(findings)


def render(template: str, findings: Findings, **more: Any) -> str:
    """A page, by the template of its name."""
    environment = Environment(
        loader=PackageLoader("ace_training"),
        autoescape=template.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"figure": _figure, "interval": _interval, "percent": _percent}
    return environment.get_template(template).render(found=findings, titles=TITLES, rule=RULE, of=of, **more)


def summary(findings: Findings) -> str:
    """Three lines for the person at the terminal."""
    lines = [
        f"{name}: AUC {_with_interval(level, 'auc')}, TNR {_with_interval(level, 'true_negative_rate')}, "
        f"TPR {_with_interval(level, 'true_positive_rate')}"
        for name, level in (("test frames", findings.test.frames), ("test videos", findings.test.videos))
    ]
    point = findings.point
    return "\n".join([*lines, f"threshold {point.threshold:.4g}, temperature {point.temperature:.4g}"])


def _with_interval(level: Level, name: str) -> str:
    return f"{_figure(level, name)} {_interval(level, name)}".strip()


def _figure(level: Level, name: str) -> str:
    value = level.figures[name]
    return "–" if value is None else f"{value:.3f}"


def _interval(level: Level, name: str) -> str:
    interval = level.intervals[name]
    return "" if interval is None else f"[{interval[0]:.3f}, {interval[1]:.3f}]"


def _percent(value: float) -> str:
    return f"{100 * value:.3g} %"


def _scores(answers: Answers) -> str:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["file", "video", "label", "manipulation", "prob_fake"])
    for entry, prob_fake in zip(answers.entries, answers.frames.prob_fake, strict=True):
        rows.writerow([entry.file, entry.video, entry.label, entry.manipulation, f"{prob_fake:.7g}"])
    return text.getvalue()
