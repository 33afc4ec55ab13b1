"""What this package raises.

LoadTestError
├── NoImages        the folder is not there or holds no image files
├── BadTrace        the trace cannot be read or holds no times
├── TargetNotReady  no server, no such model, or no answer to the first request
├── GeneratorDied   a process that made load ended before its time
├── NoMetrics       the server has no page of metrics where it was said to have one
├── NoComparison    runs that cannot be held to each other
├── SloOutOfReach   even one request a second misses it
├── ServerNotStarted  a server that a sweep was to start does not answer
└── NotWritable     there is no place for the report
"""


class LoadTestError(Exception):
    """A load test that cannot begin, or that nothing came of."""


class NoImages(LoadTestError):
    """Nothing to send."""


class BadTrace(LoadTestError):
    """Nothing to replay."""


class TargetNotReady(LoadTestError):
    """Nobody who would answer."""


class GeneratorDied(LoadTestError):
    """What was to be measured by it was not."""


class NoMetrics(LoadTestError):
    """Nothing to be seen of the server but its answers."""


class NoComparison(LoadTestError):
    """A file that is no report, a run that is not whole, or loads that differ."""


class SloOutOfReach(LoadTestError):
    """No rate keeps what is promised."""


class ServerNotStarted(LoadTestError):
    """Nobody to measure: the last of its log is in the message."""


class NotWritable(LoadTestError):
    """The results could not be kept."""
