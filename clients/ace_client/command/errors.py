"""What `ace-detect` raises of its own; a call's errors are those of `ace_client.errors`.

AceError
└── CommandError    images, a file of results or a sheet that it was told of and cannot work with
"""

from ace_client.errors import AceError


class CommandError(AceError):
    """Something that the command line names is not as it should be. Expected; the message says what to do."""
