"""What can go wrong while a set is drawn, prepared or audited or a detector trained, with a message for the person.

TrainingError
├── ConfigError        what is to be trained, and how: no config, or values that cannot be trained with
├── DivergedError      a training whose loss is no longer a number
├── EvaluationError    what is evaluated does not answer, or the images do not suffice to judge it
├── FaceDetectorError  the weights of the detector that finds faces
├── FaceSetError       the counts, or the folder, that a face set was asked for with
├── ImageFolderError   the images to train on: missing, empty, not images
├── LeakageError       something is in two splits of a set
├── OutputError        the folder that the detector is to be written to
├── SourceError        the videos or images that a set is prepared from: files, people, splits
├── TrainingStopped    Ctrl-C, once there was something to write
└── WeightsError       the weights to begin from: not to be had, not fitting
"""


class TrainingError(Exception):
    """The base of all errors of this package; its text is one clear message for the person at the command line."""


class ConfigError(TrainingError):
    """What is no training config, or holds a value that cannot be trained with."""


class DivergedError(TrainingError):
    """The loss is no longer a number, and further steps would not make it one."""


class EvaluationError(TrainingError):
    """A detector cannot be evaluated: it is none, it does not answer, or the images do not suffice."""


class FaceDetectorError(TrainingError):
    """Faces cannot be found with the weights given."""


class FaceSetError(TrainingError):
    """A face set cannot be drawn as asked: a count is wrong or the folder is in use."""


class ImageFolderError(TrainingError):
    """The images to train on cannot be used: a folder is missing or empty, or a file is no image."""


class LeakageError(TrainingError):
    """Something is in two splits of a set, so that what is measured on it says little."""


class OutputError(TrainingError):
    """The detector cannot be written where it was asked for."""


class SourceError(TrainingError):
    """A set cannot be prepared from these videos or images, by these people or splits."""


class TrainingStopped(TrainingError):
    """Ctrl-C ended the work early; what was done so far has been written."""


class WeightsError(TrainingError):
    """The weights to begin from cannot be had, or do not fit the network."""
