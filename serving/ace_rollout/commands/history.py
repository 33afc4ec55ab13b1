"""`ace-rollout history`: what was done, by whom, and why."""

import argparse
from pathlib import Path
from typing import Any

from ace_rollout.errors import SettingsError
from ace_rollout.history import act
from ace_rollout.history_page import page

from .answer import Answer
from .flags import add_reading, named


def add(commands: Any) -> None:  # argparse's own type has no public name
    """Adds the command to those of the package."""
    parser = add_reading(commands, "history", help="what was done, by whom, and why, the latest last")
    parser.set_defaults(command=_history, name="history")
    parser.add_argument("--html", type=Path, metavar="FILE", help="draw it as a page, which needs no other file")


def _history(options: argparse.Namespace) -> Answer:
    with named(options) as rollout:
        entries, model = list(rollout.history.entries()), rollout.settings.model
    if options.html:
        try:
            options.html.write_text(page(model, entries), encoding="utf-8")
        except OSError as error:
            raise SettingsError(f"{options.html} cannot be written: {error.strerror}.") from error
        return Answer(str(options.html), {"html": str(options.html)})
    lines = (f"{each['at']}  {each['who']}  {act(each)}  {each.get('why', '')}" for each in entries)
    return Answer("\n".join(line.rstrip() for line in lines), entries)
