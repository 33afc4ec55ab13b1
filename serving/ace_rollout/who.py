"""Who does something, as the history and the lock say it."""

import getpass
import socket


def who() -> str:
    """The user, at this machine."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's process may be nobody
        user = "somebody"
    return f"{user}@{socket.gethostname()}"
