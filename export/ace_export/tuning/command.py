"""The command line of `python -m ace_export tune`."""

import argparse
import signal
from pathlib import Path

from ace_export.arguments import positive, whole
from ace_export.quiet import quiet_start

_USAGE = "python -m ace_export tune runs/models/detector/1 [--out DIR] [--seconds S] [--max-p99-ms MS]"
_DESCRIPTION = """\
Starts ace_server on this machine with one thread layout and largest batch after another, sends it the images of the
version's warm-up records, and writes what answers the most of them a second: batching_parameters.txt and
session_config.txt for ace_server and tensorflow_model_server, tune.png, tune.json. Prints their paths, and says so
where a server without them serves as well.
On two processors that is some twenty servers, each measured for twice --seconds once its first runs are over.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Turn the parser into the one of this command."""
    parser.usage = _USAGE
    parser.description = _DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("version", type=Path, metavar="VERSION", help="the folder of an exported version")
    parser.add_argument(
        "--out", type=Path, default=Path("runs/tune"), metavar="DIR", help="for the files; default: %(default)s"
    )
    parser.add_argument(
        "--seconds",
        type=positive("number of seconds"),
        default=4.0,
        metavar="S",
        help="of full load, and again at a steady rate, for each measurement; default: %(default)s",
    )
    parser.add_argument(
        "--rounds",
        type=whole("number of rounds"),
        default=3,
        metavar="N",
        help="in which the best and the defaults are measured in turn; default: %(default)s",
    )
    parser.add_argument(
        "--max-p99-ms",
        type=positive("number of milliseconds"),
        metavar="MS",
        help="leave out what has a higher p99 at 70 %% of the default's throughput; default: no limit",
    )


def run(arguments: argparse.Namespace) -> str:
    """Measure and write; the paths of what was written, a line each.

    Raises:
        ExportError: nothing was written; the message says why.
        KeyboardInterrupt: also on SIGTERM, so that no server is left behind.
    """
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with quiet_start():
            from .tune import FILES, tune  # TensorFlow's messages take seconds to import

        out = tune(
            arguments.version,
            arguments.out,
            seconds=arguments.seconds,
            rounds=arguments.rounds,
            max_p99_ms=arguments.max_p99_ms,
        )
    finally:
        signal.signal(signal.SIGTERM, before)
    return "\n".join(str(out / name) for name in FILES)
