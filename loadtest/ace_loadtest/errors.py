"""What this package raises.

LoadTestError
├── NoImages        the folder is not there or holds no image files
├── TargetNotReady  no server, no such model, or no answer to the first request
└── NotWritable     there is no place for the report
"""


class LoadTestError(Exception):
    """A load test that cannot begin."""


class NoImages(LoadTestError):
    """Nothing to send."""


class TargetNotReady(LoadTestError):
    """Nobody who would answer."""


class NotWritable(LoadTestError):
    """The results could not be kept."""
