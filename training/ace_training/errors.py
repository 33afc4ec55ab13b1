"""What can go wrong while faces are drawn or a detector is trained, each with a message meant for the person.

TrainingError
├── EvaluationError    what is evaluated does not answer, or the images do not suffice to judge it
├── FaceSetError       the counts, or the folder, that a face set was asked for with
├── ImageFolderError   the images to train on: missing, empty, not images
├── OutputError        the folder that the detector is to be written to
├── PresetError        a preset's values, or ones that do not go with it
└── WeightsError       the weights to begin from: not to be had, not fitting
"""


class TrainingError(Exception):
    """The base of all errors of this package; its text is one clear message for the person at the command line."""


class EvaluationError(TrainingError):
    """A detector cannot be evaluated: it is none, it does not answer, or the images do not suffice."""


class FaceSetError(TrainingError):
    """A face set cannot be drawn as asked: a count is wrong or the folder is in use."""


class ImageFolderError(TrainingError):
    """The images to train on cannot be used: a folder is missing or empty, or a file is no image."""


class OutputError(TrainingError):
    """The detector cannot be written where it was asked for."""


class PresetError(TrainingError):
    """A preset holds a value that cannot be trained with."""


class WeightsError(TrainingError):
    """The weights to begin from cannot be had, or do not fit the network."""
