"""The version folders of a model, and the manifests in them."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from .errors import SettingsError

MANIFEST: Final = Path("assets.extra/manifest.json")  # as ace-export writes it
_BLOCK_BYTES: Final = 2**20


def versions(folder: Path) -> set[int]:
    """The versions that a server would find in the folder."""
    if not folder.is_dir():
        return set()
    return {int(child.name) for child in folder.iterdir() if child.name.isascii() and child.name.isdecimal()}


def version_of(path: Path, folder: Path) -> int | None:
    """The number of a path that is a version of the folder already; None where it lies elsewhere."""
    inside = path.resolve().parent == folder.resolve() and path.name.isascii() and path.name.isdecimal()
    return int(path.name) if inside else None


def manifest(version: Path) -> dict[str, Any] | None:
    """What the exporter wrote of a version; None where it did not write any.

    Raises:
        SettingsError: it cannot be read.
    """
    try:
        content = json.loads((version / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise SettingsError(f"{version / MANIFEST} cannot be read: {error}. Export the version again.") from error
    if not isinstance(content, dict):
        raise SettingsError(f"{version / MANIFEST} is no manifest. Export the version again.")
    return content


def hashes(version: Path) -> dict[str, str]:
    """The SHA-256 of each file of a version by its path, the manifest aside, which names them.

    Raises:
        OSError: a file cannot be read.
    """
    paths = sorted(path.relative_to(version) for path in version.rglob("*") if path.is_file())
    return {str(path): _sha256(version / path) for path in paths if path != MANIFEST}


def verified(version: Path) -> str:
    """One hash of all files of a version, which are those that its manifest names, where it has one.

    Raises:
        SettingsError: it is no version that can be served, or a file is not what the manifest says.
    """
    if not any((version / name).is_file() for name in ("saved_model.pb", "saved_model.pbtxt")):
        raise SettingsError(
            f"{version} holds no SavedModel. Pass a folder that ace-export wrote, as models/detector/3."
        )
    try:
        found = hashes(version)
    except OSError as error:
        raise SettingsError(f"{version} cannot be read: {error}.") from error
    named = (manifest(version) or {}).get("files", found)
    if named != found:
        raise SettingsError(
            f"{version} is not what its manifest says: {_difference(named, found)}. Export or copy it again."
        )
    return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()


def _difference(named: Mapping[str, str], found: Mapping[str, str]) -> str:
    kinds = {
        "missing": named.keys() - found.keys(),
        "not in it": found.keys() - named.keys(),
        "changed": {path for path in named.keys() & found.keys() if named[path] != found[path]},
    }
    return ", ".join(f"{path} is {kind}" for kind, paths in kinds.items() for path in sorted(paths))


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
