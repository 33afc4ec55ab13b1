"""`python -m ace_export detector.keras models/detector`: writes the next version, and prints its path."""

import argparse
import logging
import sys
from pathlib import Path

from ace_client import contract

from . import tuning
from .errors import ExportError
from .quiet import quiet_start


def main(argv: list[str] | None = None) -> int:
    """0 where the version was published, 1 with a line that says why not."""
    words = sys.argv[1:] if argv is None else argv
    is_tune = words[:1] == ["tune"]
    arguments = _tune_parser().parse_args(words[1:]) if is_tune else _parser().parse_args(words)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        if is_tune:
            return tuning.run(arguments)
        with quiet_start():
            from .exporter import export  # not before --help is answered, for TensorFlow takes seconds to import

        print(export(arguments.model, arguments.repository, version=arguments.version, threshold=arguments.threshold))
    except ExportError as error:
        print(f"ace-export: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("ace-export: interrupted", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ace-export",
        usage="python -m ace_export runs/fit/detector.keras runs/models/detector [--version N] [--threshold P]",
        description="Writes a trained detector as the next version in a repository, whole or not at all, once it has "
        "answered golden images like Keras and OpenCV. Prints the path of the version.",
    )
    parser.add_argument("model", type=Path, metavar="MODEL", help="the .keras file that training wrote")
    parser.add_argument("repository", type=Path, metavar="REPOSITORY", help="folder of versions, as models/detector")
    parser.add_argument(
        "--version", type=_version, metavar="N", help="the number to publish as; default: the next free"
    )
    parser.add_argument(
        "--threshold",
        type=_probability,
        default=contract.DEFAULT_THRESHOLD,
        metavar="P",
        help="an image is labelled fake from this prob_fake on; default: %(default)s",
    )
    return parser


def _tune_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ace-export tune")
    tuning.add_arguments(parser)
    return parser


def _version(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is no version: pass a whole number from 1 on")
    return int(text)


def _probability(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is no probability: pass a number from 0 to 1")
    return value


if __name__ == "__main__":
    sys.exit(main())
