"""`python -m ace_training evaluate MODEL DATA`: says what a detector is worth."""

import argparse
import sys
from pathlib import Path
from typing import Any

from ace_client.arguments import add_security, security
from ace_export.quiet import quiet_start
from ace_training.errors import EvaluationError

_DESCRIPTION = """\
Puts the images of DATA's test split to a detector and writes what its answers are worth: report.html, report.md,
evaluation.json and scores.csv; prints the path of the first. MODEL is

  runs/fit/detector.keras      whose temperature and threshold are chosen on DATA's val split and written, with the
                               figures, into the report.json beside it, from which `python -m ace_export` bakes them in;
                               beside it is also put a MODEL_CARD.md
  runs/models/detector/1       an exported version, as it is
  detector                     with --server: the model of that name on a running server, as it is
"""


def add(commands: Any) -> None:  # argparse's own type has no public name
    """Adds the command to those of the package."""
    parser = commands.add_parser(
        "evaluate",
        usage="python -m ace_training evaluate MODEL DATA [options]",
        help="say what a detector is worth",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(command=_evaluate)
    parser.add_argument("model", type=Path, metavar="MODEL", help="a .keras file, a version's folder, a model's name")
    parser.add_argument("data", type=Path, metavar="DATA", help="a folder of images, as `faces` draws them")
    add_option = parser.add_argument
    add_option("--out", type=Path, default=Path("runs/evaluation"), metavar="DIR", help="default: %(default)s")
    add_option(
        "--target-fpr",
        type=_rate,
        default=0.01,
        metavar="R",
        help="the share of real images that may be called fake, by which the threshold is chosen; default: %(default)s",
    )
    add_option(
        "--cross",
        type=Path,
        action="append",
        default=[],
        metavar="DATA",
        help="a set that training never saw, for the same table; may be given again",
    )
    add_option(
        "--robustness",
        type=_count,
        default=400,
        metavar="N",
        help="test images that are compressed, scaled, blurred, ... in 32 ways each; 0: none; default: %(default)s",
    )
    add_option("--server", metavar="HOST:PORT", help="ask a running server")
    add_security(parser)


def _evaluate(arguments: argparse.Namespace) -> Path:
    try:
        secured = security(arguments)
    except ValueError as error:
        raise EvaluationError(f"{error}.") from error
    with quiet_start():
        from ace_training.evaluation import command  # TensorFlow takes seconds: --help and a wrong flag do not wait

    plan = command.Plan(
        data=arguments.data,
        target_fpr=arguments.target_fpr,
        cross=tuple(arguments.cross),
        robustness=arguments.robustness,
    )
    page, summary = command.run(command.open_scorer(arguments.model, arguments.server, secured), plan, arguments.out)
    print(summary, file=sys.stderr)
    return page


def _rate(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text} is no rate: pass a number above 0 and below 1")
    return value


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) == 1:
        raise argparse.ArgumentTypeError(f"{text} is no number of images: pass 0, or 2 and more, half of them real")
    return int(text)
