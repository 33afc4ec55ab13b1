"""Where servers find versions that is no folder of this machine: a bucket, or whatever else fsspec writes.

The versions of `folder` are copied there when they are published, and deleted when they are retired. All else is asked
of the folder.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .errors import SettingsError


class Store:
    """A model's place there, which holds a folder a version."""

    def __init__(self, url: str) -> None:
        """`url` as fsspec has it: s3://bucket/models/detector; credentials come from its own configuration.

        Raises:
            SettingsError: fsspec, or what it needs for the protocol, is not installed, or the place cannot be reached.
        """
        self.url = url.rstrip("/")
        try:
            from fsspec.core import url_to_fs  # an extra

            with self._meaning("reached"):
                self._files, self._root = url_to_fs(self.url)
        except ImportError as error:
            raise SettingsError(
                f"{url} needs more than is installed: {error}. pip install 'ace-detector[fsspec]', and for s3:// s3fs, "
                "for gs:// gcsfs, for abfs:// adlfs."
            ) from error

    def versions(self) -> set[int]:
        """The whole versions there; raises SettingsError."""
        with self._meaning("read"):
            found = (path.split("/")[-2] for path in self._files.glob(f"{self._root}/*/saved_model.pb*"))
            return {int(name) for name in found if name.isascii() and name.isdecimal()}

    def put(self, version: Path, number: int) -> None:
        """All files of a version are there, as read back.

        An object store renames nothing at once. So the SavedModel itself comes last: until then a server that looks
        finds nothing that it could load, and tries again. What a killed upload has left of it is removed first.

        Raises:
            SettingsError: it cannot be written, or reads otherwise; nothing is left there.
        """
        paths = sorted(path.relative_to(version) for path in version.rglob("*") if path.is_file())
        target = f"{self._root}/{number}"
        with self._meaning("written to"):
            self._remove(target)
            try:
                for path in sorted(paths, key=lambda path: path.stem == "saved_model"):
                    self._put_file(version / path, f"{target}/{path.as_posix()}")
            except BaseException:
                self._remove(target)
                raise

    def remove(self, number: int) -> None:
        """The version is not there; raises SettingsError."""
        with self._meaning("written to"):
            self._remove(f"{self._root}/{number}")

    def _put_file(self, path: Path, target: str) -> None:
        self._files.makedirs(target.rpartition("/")[0], exist_ok=True)
        self._files.put_file(str(path), target)
        with path.open("rb") as here, self._files.open(target, "rb") as there:
            if _sha256(here) != _sha256(there):
                raise OSError(f"{target} is not what was written")

    def _remove(self, target: str) -> None:
        if self._files.exists(target):
            self._files.rm(target, recursive=True)

    @contextmanager
    def _meaning(self, done: str) -> Iterator[None]:
        try:
            yield
        except ImportError:
            raise
        except Exception as error:  # each of fsspec's file systems has exceptions of its own
            raise SettingsError(f"{self.url} cannot be {done}: {error or type(error).__name__}.") from error


def _sha256(file: Any) -> str:  # file-like, which fsspec does not type
    digest = hashlib.sha256()
    while block := file.read(2**20):
        digest.update(block)
    return digest.hexdigest()
