"""`ace-detect`: image files in, one line of JSON an image out."""

import argparse
import json
import math
import os
import sys
from collections.abc import Iterator

from . import contract
from .answers import Verdict
from .arguments import add_security, security
from .detector import Detector
from .errors import AceError, SetupError

_IMAGES_A_CALL = 32


def main(argv: list[str] | None = None) -> int:
    """Parses the arguments, prints the verdicts; the exit status: 0 all answered, 1 not all, 2 wrong arguments."""
    parser = _parser()
    options = parser.parse_args(argv)
    try:
        secured = security(options)
        detector = Detector(options.server, model=options.model, deadline_s=options.deadline_s, security=secured)
    except ValueError as error:
        parser.error(str(error))
    except SetupError as error:
        print(f"ace-detect: {error}", file=sys.stderr)
        return 1
    try:
        with detector:
            return _detect(detector, options)
    except AceError as error:
        print(f"ace-detect: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # whoever reads our output has seen enough, as in `ace-detect *.jpg | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("ace-detect: interrupted", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ace-detect",
        usage="ace-detect faces/*.jpg --server 127.0.0.1:8500 [option ...]",
        description="Ask a served detector how likely face images are fake. Prints one line of JSON an image: "
        "file, prob_fake, label, version, error.",
    )
    parser.add_argument("images", nargs="+", metavar="FILE", help="JPEG, PNG, BMP, WebP or GIF")
    parser.add_argument("--server", default="127.0.0.1:8500", metavar="HOST:PORT", help="default: %(default)s")
    parser.add_argument("--model", default=contract.MODEL_NAME, metavar="NAME", help="default: %(default)s")
    pinned = parser.add_mutually_exclusive_group()
    pinned.add_argument("--version", type=int, metavar="N", help="ask this version; default: the newest")
    pinned.add_argument("--label", metavar="LABEL", help="ask the version with this label, as in `stable`")
    parser.add_argument(
        "--deadline-s",
        type=float,
        default=5.0,
        metavar="S",
        help=f"seconds for each request of up to {_IMAGES_A_CALL} images; default: %(default)s",
    )
    add_security(parser)
    return parser


def _detect(detector: Detector, options: argparse.Namespace) -> int:
    unread = 0
    for file, verdict in _verdicts(detector, options):
        print(_line(file, verdict), flush=True)
        unread += verdict.error is not None
    if unread:
        print(f"ace-detect: {unread} of {len(options.images)} images could not be read", file=sys.stderr)
    return 1 if unread else 0


def _verdicts(detector: Detector, options: argparse.Namespace) -> Iterator[tuple[str, Verdict]]:
    for start in range(0, len(options.images), _IMAGES_A_CALL):
        files = options.images[start : start + _IMAGES_A_CALL]
        yield from zip(files, detector.detect(files, version=options.version, label=options.label), strict=True)


def _line(file: str, verdict: Verdict) -> str:
    return json.dumps(
        {
            "file": file,
            "prob_fake": None if math.isnan(verdict.prob_fake) else round(verdict.prob_fake, 6),
            "label": verdict.label or None,
            "version": verdict.version,
            "error": verdict.error,
        }
    )


if __name__ == "__main__":
    sys.exit(main())
