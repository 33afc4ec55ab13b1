"""TensorFlow Serving's configuration files: protocol buffers as text, and where in them something is wrong."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from google.protobuf import text_format
from google.protobuf.message import Message

from .errors import StartError, WrongField

_M = TypeVar("_M", bound=Message)


@dataclass(frozen=True)
class TextFile(Generic[_M]):
    """A message and the file that it was read from."""

    path: Path
    text: str
    message: _M

    @contextmanager
    def located(self) -> Iterator[None]:
        """What is said inside about a field of the message is said with the file and the line.

        Raises:
            StartError: instead of a WrongField.
        """
        try:
            yield
        except WrongField as error:
            raise StartError(f"{self.path}{self._line(error.field, error.value)}: {error}") from error

    def _line(self, field: str, value: object) -> str:
        """`:` and the last line where the field has that value, or else where it is set at all; nothing if nowhere."""
        text = re.sub("#.*", "", self.text)
        name = rf"\b{re.escape(field)}\b"
        with_value = rf"""{name}[\s:{{<\[]*(?:value\s*:\s*)?["']?{re.escape(str(value))}(?!\w)"""
        found = list(re.finditer(with_value, text)) or list(re.finditer(name, text))
        return f":{text.count(chr(10), 0, found[-1].start()) + 1}" if found else ""


def read(path: Path, message: _M, *, flag: str = "") -> TextFile[_M]:
    """The file, its text read into `message`.

    Raises:
        StartError: it cannot be read, or is no such message; says where.
    """
    name = message.DESCRIPTOR.name
    try:
        text = path.read_text(encoding="utf-8")
        text_format.Parse(text, message)
    except OSError as error:
        raise StartError(f"Cannot read {f'--{flag}={path}' if flag else path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise StartError(f"{path} is no text file of {name}: {error}") from error
    except text_format.ParseError as error:
        raise StartError(f"{path}{_place(error)}: no usable {name}: {_without_place(error)}") from error
    except RecursionError as error:
        raise StartError(f"{path}: no usable {name}: its messages are nested too deeply.") from error
    except ValueError as error:  # a number that its enumeration cannot hold, which the parser lets through
        raise StartError(f"{path}: no usable {name}: {error}") from error
    return TextFile(path, text, message)


def _place(error: text_format.ParseError) -> str:
    return "".join(f":{number}" for number in (error.GetLine(), error.GetColumn()) if number is not None)


def _without_place(error: text_format.ParseError) -> str:
    return re.sub(r"^[0-9:]+ : ", "", str(error))
