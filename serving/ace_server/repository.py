"""Base paths and version policies → the versions that should be live."""

from pathlib import Path


def versions_under(base_path: Path) -> dict[int, Path]:
    """The version folders of a base path by number. What is no folder, or not named by a number, is passed over.

    Raises:
        OSError: the base path cannot be read.
    """
    return {int(child.name): child for child in base_path.iterdir() if child.name.isdecimal() and child.is_dir()}


def latest(versions: dict[int, Path], count: int = 1) -> dict[int, Path]:
    """TensorFlow Serving's default policy: the `count` highest numbers."""
    return {number: versions[number] for number in sorted(versions)[-count:]}
