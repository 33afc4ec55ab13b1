"""`python -m ace_export detector.keras models/detector`: writes the next version, and prints its path."""

import argparse
import logging
import sys
from pathlib import Path

from ace_client import contract

from . import tuning
from .arguments import classes, positive, probability, size, whole
from .errors import ExportError
from .quiet import quiet_start
from .settings import DEFAULT_MAX_PIXELS, PRECISIONS, SCALES, Settings

DESCRIPTION = """\
Writes a trained detector as the next version in a repository, whole or not at all, once it has answered golden images
like Keras and OpenCV. Prints the path of the version.

  python -m ace_export verify VERSION            whether a version still is what was exported
  python -m ace_export show VERSION              what is in it
  python -m ace_export diff VERSION VERSION      where two versions answer otherwise
  python -m ace_export tune VERSION              with what threads and batches this machine serves it best
"""


def main(argv: list[str] | None = None) -> int:
    """0 where it is done, 1 with a line that says why not."""
    argv = sys.argv[1:] if argv is None else argv
    parser, run = COMMANDS.get(argv[0] if argv else "", (_export_parser, _export))
    arguments = parser().parse_args(argv[1:] if run is not _export else argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        print(run(arguments))
    except ExportError as error:
        print(f"ace-export: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("ace-export: interrupted", file=sys.stderr)
        return 130
    return 0


# TensorFlow takes seconds to import: not before --help is answered and the arguments are known to be right.


def _export(arguments: argparse.Namespace) -> str:
    with quiet_start():
        from .exporter import export

    settings = Settings(**{name: value for name, value in vars(arguments).items() if name not in NO_SETTINGS})
    return str(export(arguments.model, arguments.repository, settings, version=arguments.version))


def _verify(arguments: argparse.Namespace) -> str:
    with quiet_start():
        from .verification import verify

    return "\n".join(f"{what:10}  {found}" for what, found in verify(arguments.folder).items())


def _show(arguments: argparse.Namespace) -> str:
    with quiet_start():
        from .description import describe

    return describe(arguments.folder)


def _diff(arguments: argparse.Namespace) -> str:
    with quiet_start():
        from .description import compare

    return compare(arguments.first, arguments.second)


NO_SETTINGS = ("model", "repository", "version")  # arguments


def _export_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ace-export",
        usage="python -m ace_export runs/fit/detector.keras runs/models/detector [options]",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", type=Path, metavar="MODEL", help="the .keras file that training wrote, or an .h5")
    parser.add_argument("repository", type=Path, metavar="REPOSITORY", help="folder of versions, as models/detector")
    add = parser.add_argument
    add("--version", type=whole("version"), metavar="N", help="the number to publish as; default: the next free")
    add(
        "--threshold",
        type=probability,
        metavar="P",
        help="an image is labelled fake from this prob_fake on; default: "
        f"what report.json beside the model says, or {contract.DEFAULT_THRESHOLD}",
    )
    add(
        "--temperature",
        type=positive("temperature"),
        metavar="T",
        help="divides the logit; default: what report.json says, or 1",
    )
    add(
        "--classes",
        type=classes,
        metavar="A,B",
        help="what the model's outputs 0 and 1 stand for, real,fake or fake,real; one sigmoid is the probability of "
        "the second. Default: what report.json says, or real,fake",
    )
    add(
        "--scale",
        choices=SCALES,
        help="what was done to the pixels in training: x/127.5-1, x/255, ImageNet's mean and deviation, nothing; "
        "default: nothing where the model does it by itself, else xception",
    )
    add("--input-size", type=size, metavar="N or WxH", help="for a model that takes images of any size")
    add("--precision", choices=PRECISIONS, default="float32", help="of the network; default: %(default)s")
    add("--xla", action="store_true", help="compile the network, for each batch size when it is first run")
    add(
        "--max-pixels",
        type=whole("number of pixels"),
        default=DEFAULT_MAX_PIXELS,
        metavar="N",
        help="larger images are refused before they are decoded; default: %(default)s",
    )
    add("--images", type=Path, metavar="FOLDER", help="images of yours to hold against Keras and OpenCV as well")
    return parser


def _folder_parser(command: str, description: str, *names: str) -> argparse.ArgumentParser:
    example = " ".join(f"runs/models/detector/{number}" for number, _ in enumerate(names, 1))
    parser = argparse.ArgumentParser(
        prog=f"ace-export {command}", usage=f"python -m ace_export {command} {example}", description=description
    )
    for name in names:
        parser.add_argument(name, type=Path, metavar="VERSION", help="folder of one version, as models/detector/3")
    return parser


def _verify_parser() -> argparse.ArgumentParser:
    return _folder_parser(
        "verify",
        "Whether a version still is what was exported: its files by their hashes, its signatures, and its answers to "
        "the golden images. Ends with status 1 and the first difference.",
        "folder",
    )


def _show_parser() -> argparse.ArgumentParser:
    return _folder_parser("show", "What a version was made of, how it is served and how it was checked.", "folder")


def _diff_parser() -> argparse.ArgumentParser:
    return _folder_parser("diff", "What two versions answer to the golden images of both.", "first", "second")


def _tune_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ace-export tune")
    tuning.add_arguments(parser)
    return parser


COMMANDS = {
    "verify": (_verify_parser, _verify),
    "show": (_show_parser, _show),
    "diff": (_diff_parser, _diff),
    "tune": (_tune_parser, tuning.run),
}


if __name__ == "__main__":
    sys.exit(main())
