"""What `evaluate` does: evaluates, draws, writes."""

from dataclasses import replace
from pathlib import Path

from . import pages, pictures
from .findings import Plan, evaluate
from .records import read_report
from .scorers import KerasFile, Scorer, open_scorer

__all__ = ["Plan", "open_scorer", "run"]


def run(scorer: Scorer, plan: Plan, out: Path) -> tuple[Path, str]:
    """The path of the page that says it all, and a few lines that say the most of it.

    A `.keras` file gets its operating point into the `report.json` beside it, and a model card.

    Raises:
        EvaluationError: the scorer does not answer, or the images do not suffice.
        ImageFolderError: an image cannot be read.
        OutputError: what is found cannot be written.
    """
    file = scorer if isinstance(scorer, KerasFile) else None
    report = read_report(file.path, file.detector.sha256) if file else {}
    findings, answers = evaluate(scorer, replace(plan, trained_on=report.get("images_digest")))
    page = pages.write(out, findings, answers, pictures.draw(scorer, findings, answers, report))
    if file:
        pages.write_beside(file.path, findings, report)
    return page, pages.summary(findings)
