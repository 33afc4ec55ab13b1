"""`ace-detect`: images in, a row an image out."""

import argparse
import sys

from . import contract
from .arguments import add_security, security
from .command.rows import FORMATS
from .command.run import Run
from .detector import Detector
from .errors import AceError
from .options import Options

_OK, _FAILED, _FAKE_FOUND, _UNREADABLE, _INTERRUPTED = 0, 1, 3, 4, 130

_STATUSES = f"""\
exit status:
  {_OK}    every image has its verdict
  {_FAILED}    the command could not do its work: no server, a file of results that does not fit
  2    wrong arguments
  {_FAKE_FOUND}    --fail-on fake, and a fake was found
  {_UNREADABLE}    all asked, and an image could not be read: its row says why
  {_INTERRUPTED}  interrupted
After {_FAILED} and {_INTERRUPTED} the same command goes on where it stopped, with --out."""


def main(argv: list[str] | None = None) -> int:
    """Parses the arguments, writes what they ask for; the exit status as the help describes it."""
    parser = _parser()
    options = parser.parse_args(argv)
    if options.out and options.format == "table":
        parser.error("--format table is for the eye: with --out give jsonl or csv, or redirect stdout")
    try:
        detector = Detector(
            options.server,
            model=options.model,
            deadline_s=options.deadline_s,
            security=security(options),
            options=Options(in_flight=options.concurrency),
        )
    except ValueError as error:
        parser.error(str(error))
    except AceError as error:
        return _ended(_FAILED, str(error))
    with detector:
        return _detect(detector, options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ace-detect",
        usage="ace-detect faces/ --server 127.0.0.1:8500 --out results.jsonl [option ...]",
        description="Ask a served detector how likely face images are fake.",
        epilog=_STATUSES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "images",
        nargs="+",
        metavar="IMAGES",
        help="files, folders (with those below), quoted globs; - for a list on stdin, by lines or NULs",
    )
    parser.add_argument("--server", default="127.0.0.1:8500", metavar="HOST:PORT", help="default: %(default)s")
    parser.add_argument("--model", default=contract.MODEL_NAME, metavar="NAME", help="default: %(default)s")
    pinned = parser.add_mutually_exclusive_group()
    pinned.add_argument("--version", type=_version, metavar="N", help="ask this version; default: the newest")
    pinned.add_argument("--label", metavar="LABEL", help="ask the version with this label, as in `stable`")
    parser.add_argument(
        "--concurrency",
        type=_at_least_1,
        default=Options().in_flight,
        metavar="N",
        help=f"requests under way at once, of up to {Options().max_batch} images each; default: %(default)s",
    )
    parser.add_argument(
        "--deadline-s",
        type=float,
        default=60.0,
        metavar="S",
        help="seconds for each request, waiting at the server included; default: %(default)g",
    )
    _add_outputs(parser)
    add_security(parser)
    return parser


def _add_outputs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--format", choices=FORMATS, default="jsonl", help="default: %(default)s")
    parser.add_argument(
        "--out", metavar="FILE", help="add the rows to this file, and ask only about images that it does not hold yet"
    )
    parser.add_argument("--sheet", metavar="PNG", help="draw the images with their scores, the highest first")
    parser.add_argument("--fail-on", choices=[contract.FAKE], help=f"exit with {_FAKE_FOUND} where there is one")


def _version(text: str) -> int:
    if not text.isdecimal() or len(text) > 19 or int(text) >= 2**63:
        raise argparse.ArgumentTypeError(f"{text!r} is no version: give a number from 0 to {2**63 - 1}")
    return int(text)


def _at_least_1(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is less than 1")
    return number


def _detect(detector: Detector, options: argparse.Namespace) -> int:
    run = None
    try:
        run = Run(options)
        run.detect(detector)
    except AceError as error:
        return _ended(_FAILED, f"{error}{_kept(run, options.out)}")
    except BrokenPipeError:  # whoever reads our output has seen enough, as in `ace-detect *.jpg | head`
        return _FAILED
    except KeyboardInterrupt:
        return _ended(_INTERRUPTED, f"interrupted{_kept(run, options.out)}")
    if run.tally.unread:
        _ended(_UNREADABLE, f"{run.tally.unread:,} of {run.tally.images:,} images could not be read")
    if options.fail_on and run.tally.fakes:
        return _ended(_FAKE_FOUND, f"{run.tally.fakes:,} of {run.tally.images:,} images are {contract.FAKE}")
    return _UNREADABLE if run.tally.unread else _OK


def _kept(run: Run | None, out: str | None) -> str:
    """What is said of the rows that there are already."""
    if run is None or not run.tally.images:
        return ""
    if out is None:
        return f"\n{run.tally.images:,} images were answered; with --out FILE the same command would go on from there."
    return f"\n{run.tally.images:,} images are in {out}: the same command goes on from there."


def _ended(status: int, message: str) -> int:
    print(f"ace-detect: {message}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
