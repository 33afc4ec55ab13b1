"""The routing file: which share of the calls each label gets. Clients look at it several times a second."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ace_client.routing import read_routes

from .errors import SettingsError
from .replaced_files import replace


def read(path: Path) -> dict[str, float]:
    """The labels that get calls, with their weights; none where there is no file yet.

    Raises:
        SettingsError: it cannot be read, or is no routing file.
    """
    try:
        return dict(read_routes(path.read_bytes()).weights)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise SettingsError(f"{path} is no routing file: {error}.") from error


def write(path: Path, weights: Mapping[str, float], shadow: Mapping[str, Any] | None = None) -> None:
    """The file says this, as a whole, on the disk; without a shadow, nothing is put to a candidate too.

    Raises:
        SettingsError: it cannot be written.
    """
    try:
        replace(path, json.dumps({"weights": weights} | ({"shadow": shadow} if shadow else {})) + "\n")
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}. It says what it said.") from error
