"""The wall clock may jump: nothing but what people read is taken from it."""

import ast
from pathlib import Path

import ace_server

PACKAGE = Path(ace_server.__file__).parent
WALL_CLOCKS = {"time", "time_ns", "ctime", "gmtime", "localtime", "now", "utcnow", "today", "timestamp"}
MODULES = {"time", "datetime", "date", "tf"}
ALLOWED = {
    "record_files.py": {"datetime.now"},  # in the names of files
    "request_log.py": {"time.time"},  # in each record
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


def test_only_names_and_records_are_dated_by_the_wall_clock():
    found = {path.name: wall_clocks_of(path.read_text()) for path in PACKAGE.rglob("*.py")}

    assert {name: clocks for name, clocks in found.items() if clocks} == ALLOWED


def test_every_way_to_read_the_wall_clock_is_seen():
    source = "import time, datetime\nfrom time import time\ntime.time_ns()\ndatetime.datetime.now()\ntf.timestamp()"

    assert wall_clocks_of(source) == {"time.time", "time.time_ns", "datetime.datetime.now", "tf.timestamp"}
