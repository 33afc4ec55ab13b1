"""What is written of an image, and the formats that it is written in.

Bytes, since a file's name need not be text: what is no UTF-8 in it comes out of CSV as it went in, of JSON escaped.
"""

import csv
import io
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Final

from ace_client.answers import Verdict


@dataclass(frozen=True, slots=True)
class Row:
    """A verdict, its file and the model's name. The fields are the columns; None is where there is nothing to say."""

    file: str
    prob_fake: float | None
    label: str | None
    model: str
    version: int | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Format:
    """How rows become bytes, and these rows again.

    `opening` is what a file of this format begins with, and `header` the part of it that stands there once. A record
    ends with a newline that no odd number of `quote` stands before. `parse` raises ValueError where it is given no row.
    """

    header: bytes
    opening: bytes
    render: Callable[[Row], bytes]
    parse: Callable[[bytes], Row] | None = None
    quote: bytes | None = None


COLUMNS: Final = tuple(field.name for field in fields(Row))


def row_of(file: str, model: str, verdict: Verdict) -> Row:
    """The row of a file's verdict."""
    prob_fake = None if math.isnan(verdict.prob_fake) else round(verdict.prob_fake, 6)
    return Row(file, prob_fake, verdict.label or None, model, verdict.version, verdict.error)


def _values(row: Row) -> tuple[object, ...]:
    return row.file, row.prob_fake, row.label, row.model, row.version, row.error


def _to_json(row: Row) -> bytes:
    return json.dumps(dict(zip(COLUMNS, _values(row), strict=True))).encode() + b"\n"


def _from_json(line: bytes) -> Row:
    try:
        return Row(**json.loads(line))
    except TypeError as error:
        raise ValueError("other fields than those of a row") from error


def _csv_line(values: tuple[object, ...]) -> bytes:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(values)
    return line.getvalue().encode(errors="surrogateescape")


def _to_csv(row: Row) -> bytes:
    return _csv_line(_values(row))


def _from_csv(record: bytes) -> Row:
    try:
        [values] = csv.reader(io.StringIO(record.decode(errors="surrogateescape"), newline=""))
    except csv.Error as failure:
        raise ValueError(str(failure)) from failure
    file, prob_fake, label, model, version, error = values
    return Row(
        file,
        float(prob_fake) if prob_fake else None,
        label or None,
        model,
        int(version) if version else None,
        error or None,
    )


def _to_table(row: Row) -> bytes:
    prob_fake = "–" if row.prob_fake is None else f"{row.prob_fake:.4f}"
    version = "–" if row.version is None else row.version
    line = f"{prob_fake:>9}  {row.label or '–':<5}  {version:>7}  {_printable(row.file)}"
    return (f"{line}  ({_printable(row.error)})" if row.error else line).encode() + b"\n"


def _printable(text: str) -> str:
    """The text with what would move the terminal's cursor escaped."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


_CSV_HEADER: Final = _csv_line(COLUMNS)
_TABLE_HEADER: Final = b"prob_fake  label  version  file\n"

FORMATS: Final = {
    "jsonl": Format(b"", b'{"file": "', _to_json, _from_json),
    "csv": Format(_CSV_HEADER, _CSV_HEADER, _to_csv, _from_csv, quote=b'"'),
    "table": Format(_TABLE_HEADER, _TABLE_HEADER, _to_table),
}
