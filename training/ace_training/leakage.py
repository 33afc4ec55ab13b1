"""The audit that comes before every training."""

from pathlib import Path
from typing import Any

from .audit import audit
from .errors import ImageFolderError, LeakageError


def audited(data: Path, *, leakage_allowed: bool) -> dict[str, Any]:
    """What a report says of leakage: whether there was some, and how much of each kind.

    Raises:
        ImageFolderError: a file cannot be read.
        LeakageError: something is in two splits, and that is not allowed.
    """
    found = audit(data)
    if unreadable := found.summary["unreadable"]:
        others = f", nor are {len(unreadable) - 1} others" if len(unreadable) > 1 else ""
        raise ImageFolderError(
            f"{data / unreadable[0]} is no image that can be read{others}. Remove it or replace it; "
            f"`python -m ace_training audit {data}` lists all."
        )
    counts = found.summary["leak_counts"]
    if found.leaks and not leakage_allowed:
        kinds = ", ".join(f"{count} by {kind}" for kind, count in counts.items() if count)
        raise LeakageError(
            f"{data} has leaks between its splits ({kinds}), so that its figures would say little. "
            f"`python -m ace_training audit {data}` shows them; --allow-leakage trains all the same, and says so in "
            "the report."
        )
    return {"allowed": bool(found.leaks), "counts": counts}
