"""Videos or drawn faces in; a set without leaks, a detector.keras trained on it and what it is worth out.

`python -m ace_training` is the way in.
"""

from .config import Config
from .config_file import config_names, read_config
from .errors import (
    ConfigError,
    DivergedError,
    EvaluationError,
    FaceDetectorError,
    FaceSetError,
    ImageFolderError,
    LeakageError,
    OutputError,
    SourceError,
    TrainingError,
    TrainingStopped,
    WeightsError,
)

__all__ = [
    "Config",
    "ConfigError",
    "DivergedError",
    "EvaluationError",
    "FaceDetectorError",
    "FaceSetError",
    "ImageFolderError",
    "LeakageError",
    "OutputError",
    "SourceError",
    "TrainingError",
    "TrainingStopped",
    "WeightsError",
    "config_names",
    "read_config",
]
