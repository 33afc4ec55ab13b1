"""Which images a command line names: files, folders, globs and lists."""

import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final

from ace_client.contract import IMAGE_SUFFIXES

from .errors import CommandError

LIST: Final = "-"
"""The name that stands for the list on stdin."""

_CHUNK_BYTES: Final = 2**16
_SUFFIXES: Final = tuple(sorted(IMAGE_SUFFIXES))


def images(names: Sequence[str], listed: Iterator[str]) -> Iterator[str]:
    """The files that the names stand for, one at a time: by name as they are given, below folders and globs sorted.

    A folder stands for the images at any depth below it, told by their suffix; a glob that is no file's name for what
    matches it; `-` for those that are `listed`, files or folders.

    Raises:
        CommandError: a folder cannot be listed.
    """
    for name in names:
        if name == LIST:
            for each in listed:
                yield from _below(each)
        else:
            yield from _named(name)


def check(names: Sequence[str]) -> None:
    """Returns where each name stands for something; files need not be there, and the list is not looked at.

    Raises:
        CommandError: a folder without images, or that cannot be listed; a glob that nothing matches.
    """
    for name in names:
        if name != LIST and next(_named(name), None) is None:
            what = (
                f"{name} holds no images ({', '.join(_SUFFIXES)})" if Path(name).is_dir() else f"No file matches {name}"
            )
            raise CommandError(f"{what}: check the name, or leave it out.")


def names_in(stream: BinaryIO) -> Iterator[str]:
    """The names in a list that is read as it comes: one a line, or each ended by NUL, as `find -print0` writes them."""
    chunk = more = _some(stream)
    while more and b"\0" not in chunk and b"\n" not in chunk:  # half a name says nothing of how it will end
        more = _some(stream)
        chunk += more
    separator = b"\0" if b"\0" in chunk else b"\n"
    rest = b""
    while chunk:
        *whole, rest = (rest + chunk).split(separator)
        yield from map(os.fsdecode, filter(None, whole))
        chunk = _some(stream)
    if rest:
        yield os.fsdecode(rest)


def _some(stream: BinaryIO) -> bytes:
    """What there is to read, without waiting for more; empty at the end."""
    read_some = getattr(stream, "read1", None)
    return read_some(_CHUNK_BYTES) if read_some else stream.read(_CHUNK_BYTES)


def _named(name: str) -> Iterator[str]:
    if not glob.has_magic(name) or Path(name).exists():
        yield from _below(name)
        return
    for match in sorted(glob.iglob(name, recursive=True)):  # noqa: PTH207 Path.glob takes no absolute patterns
        if "**" not in name or not Path(match).is_dir():  # `**` matches what lies in the folders too
            yield from _below(match)


def _below(name: str) -> Iterator[str]:
    """The file, or the images below the folder."""
    if Path(name).is_dir():
        yield from _images_in(str(Path(name)))  # `./faces/` and `faces` are one
    else:
        yield name


def _images_in(folder: str) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise CommandError(f"The folder {folder} cannot be listed: {error.strerror}.") from error
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            yield from _images_in(entry.path)
        elif entry.name.lower().endswith(_SUFFIXES):
            yield entry.path
