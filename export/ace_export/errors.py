"""What can go wrong while a detector is exported, each with a message meant for the person.

ExportError
├── ModelError           the file is no Keras model, or the model no binary image classifier
├── ParityError          the exported graph answers otherwise than the model that was trained
├── TuneError            the version cannot be measured, or the result not be written
└── RepositoryError      the version cannot be written where it was asked for
    └── VersionExistsError   a served version is never overwritten
"""


class ExportError(Exception):
    """The base of all errors of this package; its text is one clear message for the person at the command line."""


class ModelError(ExportError):
    """The file to export cannot be used; nothing has been written."""


class ParityError(ExportError):
    """The exported graph's answers are not those of training; nothing has been published."""


class TuneError(ExportError):
    """A version could not be tuned; no file has been written."""


class RepositoryError(ExportError):
    """The repository cannot be written to; nothing has been published."""


class VersionExistsError(RepositoryError):
    """The version asked for is there already."""
