"""One run of `ace-detect`: from the files that are named to their rows, the count and the page."""

import argparse
import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from ace_client.detector import Detector

from . import sources
from .progress import Progress
from .results import Printed, ResultFile
from .rows import FORMATS, Row, row_of
from .sheet import Sheet
from .tally import Tally


class Run:
    """What the command line asks for; `tally` is how far it has come."""

    def __init__(self, options: argparse.Namespace) -> None:
        """Raises CommandError where what the options name is not there or cannot be written."""
        self.tally = Tally()
        self._options = options
        self._sheet = Sheet(Path(options.sheet)) if options.sheet else None
        sources.check(options.images)
        self._output = self._opened()

    def detect(self, detector: Detector) -> None:
        """Asks about each file that has no row yet, and writes what was asked for.

        Raises:
            AceError: what is done until then is kept.
        """
        with self._output, self._progress() as progress:

            def count(row: Row) -> None:
                self.tally.add(row)
                if self._sheet:
                    self._sheet.add(row)
                progress.show()

            for row in self._answered(detector, self._output.missing(self._files(), count)):
                self._output.add(row)
                self.tally.asked += 1
                count(row)
        if self._sheet:
            self._sheet.write(self.tally)

    def _opened(self) -> Printed | ResultFile:
        layout = FORMATS[self._options.format]
        if not self._options.out:
            return Printed(sys.stdout.buffer, layout)
        return ResultFile(Path(self._options.out), layout, self._options.model, self._options.version)

    def _files(self) -> Iterator[str]:
        files = sources.images(self._options.images, sources.names_in(sys.stdin.buffer))
        sheet = self._sheet.path.absolute() if self._sheet else None
        return (file for file in files if not sheet or Path(file).absolute() != sheet)  # that of the run before

    def _answered(self, detector: Detector, files: Iterator[str]) -> Iterator[Row]:
        """A row a file, in their order."""
        asked: deque[str] = deque()

        def noted() -> Iterator[str]:
            for file in files:
                asked.append(file)
                yield file

        for verdict in detector.stream(noted(), version=self._options.version, label=self._options.label):
            yield row_of(asked.popleft(), self._options.model, verdict)

    def _progress(self) -> Progress:
        """Shown where stderr is a terminal, and rows do not come on one too."""
        if not sys.stderr.isatty() or (sys.stdout.isatty() and not self._options.out):
            return Progress(None, None, self.tally)
        known = sources.LIST not in self._options.images
        return Progress(sys.stderr, sum(1 for _ in self._files()) if known else None, self.tally)
