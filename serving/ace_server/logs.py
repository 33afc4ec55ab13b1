"""The log's two forms: lines for people, and JSON objects, one a line, for machines."""

import json
import logging
import re
import sys
from datetime import datetime, timezone
from logging.handlers import MemoryHandler
from typing import Any, Final

from . import calls

FORMATS: Final = ("text", "json")
_PLAIN = re.compile(r"[^\s\"=]+")


class TextFormatter(logging.Formatter):
    """Time, level, logger, message; then the record's fields, and the ids of the call that it was written in."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name is logging's
        """The first line; an exception's come after it."""
        fields = (f"{name}={_quoted(value)}" for name, value in _fields(record).items())
        return " ".join([super().formatMessage(record), *fields])


class JsonFormatter(logging.Formatter):
    """One object: time, level, logger, message, the record's fields, and the exception where there was one."""

    def format(self, record: logging.LogRecord) -> str:
        """The record on one line."""
        entry = {
            "time": datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    """What was logged with `extra={"fields": {...}}`, and the current call's ids."""
    call = calls.current()
    ids = {"request_id": call.request_id, "trace_id": call.trace_id} if call else {}
    return {**{name: value for name, value in ids.items() if value}, **getattr(record, "fields", {})}


def _quoted(value: object) -> str:
    """The value as one word, whatever a caller put into it."""
    text = str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text)


class Log:
    """The process's log on stderr. Lines wait until `show` says in which form, or the process ends."""

    def __init__(self) -> None:
        self._stderr = logging.StreamHandler(sys.stderr)
        self._stderr.setFormatter(TextFormatter())
        self._early = MemoryHandler(1000, flushLevel=logging.CRITICAL, target=self._stderr)
        logging.basicConfig(level=logging.INFO, handlers=[self._early])

    def show(self, form: str) -> None:
        """Write what has waited, and everything from now on at once."""
        self._stderr.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
        logging.getLogger().addHandler(self._stderr)
        logging.getLogger().removeHandler(self._early)
        self._early.close()
