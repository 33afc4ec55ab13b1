"""Drawn faces to train on, and training: folders of face images in, a detector.keras with its report out.

`python -m ace_training` is the way in.
"""

from .config import Config
from .config_file import config_names, read_config
from .errors import (
    ConfigError,
    DivergedError,
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
