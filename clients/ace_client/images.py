"""What callers hand over as an image, as encoded bytes that the server decodes to exactly those pixels."""

import os
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from .channel import MAX_MESSAGE_BYTES
from .errors import ImageError


class Readable(Protocol):
    """An open file of bytes, or what can be read like one."""

    def read(self) -> bytes:
        """The bytes from where it stands to its end."""
        ...


Image: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | Readable | npt.NDArray[np.uint8]
"""A path, the bytes of an encoded image or a file object with them, or pixels: uint8[height, width, 3], RGB."""

_MAX_IMAGE_BYTES = MAX_MESSAGE_BYTES - 2**20  # leaves room for the rest of the request


def several(images: Image | Iterable[Image]) -> Iterable[Image]:
    """The images one by one: those of a list or of a uint8[n, height, width, 3] array, or the single one given."""
    if isinstance(images, str | os.PathLike | bytes | bytearray | memoryview):
        return [cast(Image, images)]
    if isinstance(images, np.ndarray):
        return images if images.ndim == 4 else [images]
    if hasattr(images, "read"):
        return [cast(Readable, images)]
    return images  # pyright: ignore[reportReturnType] # no Readable, which has read


def encode(image: Image) -> bytes:
    """The image as encoded bytes: files and bytes as they are, pixels as an uncompressed BMP, which loses nothing.

    Raises:
        ImageError: the file cannot be read, or the image does not fit into a message.
        TypeError: no path, bytes, file of bytes or uint8 array.
        ValueError: an array of another shape than [height, width, 3].
    """
    encoded = _encode(image)
    if len(encoded) > _MAX_IMAGE_BYTES:
        size_mib, limit_mib = len(encoded) / 2**20, _MAX_IMAGE_BYTES / 2**20
        raise ImageError(f"{size_mib:.0f} MiB do not fit into a message, {limit_mib:.0f} MiB do: scale the image down")
    return encoded


def _encode(image: Image) -> bytes:
    if isinstance(image, bytes):
        return image
    if isinstance(image, bytearray | memoryview):
        return bytes(image)
    if isinstance(image, np.ndarray):
        return to_bmp(image)
    if isinstance(image, str | os.PathLike):
        return _read(Path(image))
    if hasattr(image, "read"):
        return _read_open(image)
    raise TypeError(
        "an image is a path, bytes, an open file or a uint8[height, width, 3] array, not " + type(image).__name__
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ImageError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise ImageError(f"cannot read {str(path)!r}: no file has such a name ({error})") from error


def _read_open(file: Readable) -> bytes:
    try:
        content = file.read()
    except OSError as error:
        raise ImageError(f"cannot read {getattr(file, 'name', file)}: {error.strerror}") from error
    if not isinstance(content, bytes):
        raise TypeError(f"{getattr(file, 'name', file)} holds text: open it with mode 'rb'")
    return content


def to_bmp(pixels: npt.NDArray[np.uint8]) -> bytes:
    """The pixels as a 24-bit BMP file: a header of 54 bytes, then rows from the bottom up, each filled to 4 bytes.

    uint8[height, width, 3], RGB.

    Raises:
        TypeError: the array is not uint8.
        ValueError: another shape, or no pixels.
    """
    if pixels.dtype != np.uint8:
        raise TypeError(f"pixels are uint8, 0 to 255, not {pixels.dtype}: scale and convert them first")
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.size == 0:
        raise ValueError(f"pixels have the shape [height, width, 3], RGB, not {list(pixels.shape)}")
    height, width, _ = pixels.shape
    row_bytes = (width * 3 + 3) // 4 * 4
    rows = np.zeros((height, row_bytes), np.uint8)
    rows[:, : width * 3] = pixels[::-1, :, ::-1].reshape(height, width * 3)
    file_header = struct.pack("<2sIHHI", b"BM", 54 + rows.size, 0, 0, 54)
    info_header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, rows.size, 0, 0, 0, 0)  # 1 plane, 24 bits
    return b"".join((file_header, info_header, rows.tobytes()))
