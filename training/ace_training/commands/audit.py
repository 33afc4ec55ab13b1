"""`python -m ace_training audit DATA`: says whether a set can be trusted."""

import argparse
from pathlib import Path
from typing import Any


def add(commands: Any) -> None:  # argparse's own type has no public name
    """Adds the command to those of the package."""
    parser = commands.add_parser(
        "audit", usage="python -m ace_training audit DATA [--out DIR]", help="look for leakage between splits"
    )
    parser.set_defaults(command=_audit)
    parser.description = (
        "Ends with status 1 where a video, a person or two images that look the same are in two splits of DATA. Prints "
        "them as a table, after the counts, and writes OUT/audit.json and OUT/leaks.png, which shows the pairs."
    )
    parser.add_argument("data", type=Path, metavar="DATA", help="a folder with {train,val,test}/{real,fake}/")
    parser.add_argument("--out", type=Path, metavar="OUT", help="default: DATA/audit")


def _audit(arguments: argparse.Namespace) -> str:
    from ace_training.audit import audit  # OpenCV takes half a second
    from ace_training.audit_report import LEAKS_FILE, open_folder, table, write_audit
    from ace_training.errors import LeakageError

    out = open_folder(arguments.out or arguments.data / "audit")
    found = audit(arguments.data)
    path = write_audit(found, arguments.data, out)
    if not found.leaks:
        return f"{table(found)}\n{path}"
    print(table(found))
    times = f"{len(found.leaks)} {'time' if len(found.leaks) == 1 else 'times'}"
    raise LeakageError(
        f"{arguments.data} leaks between its splits, {times}; {out / LEAKS_FILE} shows pairs. "
        "Prepare it again with the people told apart, or take one of each pair out."
    )
