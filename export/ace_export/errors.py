"""What can go wrong while a detector is exported or looked at, each with a message meant for the person.

ExportError
├── ModelError           the file is no Keras model, or the model no binary image classifier
├── ImagesError          the images to check the export on cannot be used
├── ParityError          the exported graph answers otherwise than the model that was trained
├── RepositoryError      the version cannot be written where it was asked for
│   └── VersionExistsError   a served version is never overwritten
├── TuneError            a version cannot be measured, or the result not be written
└── VersionError         a folder holds no exported version, or is no longer what its manifest says
"""


class ExportError(Exception):
    """The base of all errors of this package; its text is one clear message for the person at the command line."""


class ModelError(ExportError):
    """The file to export cannot be used; nothing has been written."""


class ImagesError(ExportError):
    """The images to check the export on cannot be used; nothing has been published."""


class ParityError(ExportError):
    """The exported graph's answers are not those of training; nothing has been published."""


class RepositoryError(ExportError):
    """The repository cannot be written to; nothing has been published."""


class VersionExistsError(RepositoryError):
    """The version asked for is there already."""


class TuneError(ExportError):
    """A version could not be tuned; no file has been written."""


class VersionError(ExportError):
    """The folder named is no exported version, or differs from what its manifest says."""
