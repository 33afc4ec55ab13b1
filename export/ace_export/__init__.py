"""A trained `detector.keras` as a version that TensorFlow Serving and `ace_server` serve: JPEG bytes in, P(fake) out.

`python -m ace_export` is the way in. `ace_export.pixels` is the repository's only pixel code, which training shares.
"""

from .errors import (
    ExportError,
    ImagesError,
    ModelError,
    ParityError,
    RepositoryError,
    TuneError,
    VersionError,
    VersionExistsError,
)

__all__ = [
    "ExportError",
    "ImagesError",
    "ModelError",
    "ParityError",
    "RepositoryError",
    "TuneError",
    "VersionError",
    "VersionExistsError",
]
