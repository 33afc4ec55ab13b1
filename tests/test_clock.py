"""The wall clock may jump: nothing but what people read is taken from it."""

import ast
from pathlib import Path

import pytest

import ace_rollout
import ace_server

WALL_CLOCKS = {"time", "time_ns", "ctime", "gmtime", "localtime", "now", "utcnow", "today", "timestamp"}
MODULES = {"time", "datetime", "date", "tf"}
ALLOWED = {
    ace_rollout: {
        "history.py": {"datetime.now"},  # in each entry
        "journal.py": {"datetime.now"},  # when it began
        "shadow.py": {"datetime.now"},  # in the name of a folder
    },
    ace_server: {
        "record_files.py": {"datetime.now"},  # in the names of files
        "request_log.py": {"time.time"},  # in each record
    },
}


def wall_clocks_of(source: str) -> set[str]:
    """The calls that read the wall clock, as they are written."""
    tree = ast.parse(source)
    imported = {
        f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module in MODULES
        for alias in node.names
        if alias.name in WALL_CLOCKS
    }
    read = {
        ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr in WALL_CLOCKS
    }
    return imported | {name for name in read if name.split(".")[-2] in MODULES}


@pytest.mark.parametrize("package", ALLOWED)
def test_only_names_and_records_are_dated_by_the_wall_clock(package):
    root = Path(package.__file__).parent
    found = {str(path.relative_to(root)): wall_clocks_of(path.read_text()) for path in root.rglob("*.py")}

    assert {name: clocks for name, clocks in found.items() if clocks} == ALLOWED[package]


def test_every_way_to_read_the_wall_clock_is_seen():
    source = "import time, datetime\nfrom time import time\ntime.time_ns()\ndatetime.datetime.now()\ntf.timestamp()"

    assert wall_clocks_of(source) == {"time.time", "time.time_ns", "datetime.datetime.now", "tf.timestamp"}
