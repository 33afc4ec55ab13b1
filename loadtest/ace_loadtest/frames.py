"""How a sender and the process that started it speak over pipes: frames of one letter, a length, and bytes."""

import struct
from typing import Final

HEADER: Final = struct.Struct("<cI")

# To the sender.
PLAN: Final = b"P"  # the first one: a pickle of (Plan, Part)
BEGIN: Final = b"B"  # connected or not yet, the load begins as soon as it is
USERS: Final = b"U"  # so many callers from now on
STOP: Final = b"S"  # nothing more is sent; the end of the pipe says so too

# From the sender.
READY: Final = b"R"  # connected
ROWS: Final = b"D"  # samples
DONE: Final = b"E"  # all answers are there; JSON of `until_s` and `busy`
FAILED: Final = b"F"  # why there is no load


def frame(kind: bytes, content: bytes = b"") -> bytes:
    """One frame."""
    return HEADER.pack(kind, len(content)) + content
