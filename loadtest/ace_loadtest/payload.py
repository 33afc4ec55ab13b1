"""The images that are sent."""

from pathlib import Path
from typing import Final

from ace_client.contract import IMAGE_SUFFIXES

from .errors import NoImages

MAX_IMAGES: Final = 500
"""So many are held in memory, taken evenly over the folder."""


def read_images(folder: Path) -> list[bytes]:
    """The image files of the folder and of those below it, in the order of their paths, at most `MAX_IMAGES`.

    Raises:
        NoImages: there is no such folder, or no image in it.
    """
    if not folder.is_dir():
        raise NoImages(f"{folder} is no folder: pass --images with one that holds JPEG, PNG, BMP, WebP or GIF files")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file())
    if not paths:
        raise NoImages(f"{folder} holds no image: pass --images with a folder of JPEG, PNG, BMP, WebP or GIF files")
    step = -(-len(paths) // MAX_IMAGES)
    return [path.read_bytes() for path in paths[::step]]
