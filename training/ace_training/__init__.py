"""Drawn faces to train on, and training: folders of face images in, a detector.keras with its report out.

`python -m ace_training` is the way in.
"""

from .errors import FaceSetError, ImageFolderError, OutputError, PresetError, TrainingError, WeightsError
from .presets import PRESETS, Preset

__all__ = [
    "PRESETS",
    "FaceSetError",
    "ImageFolderError",
    "OutputError",
    "Preset",
    "PresetError",
    "TrainingError",
    "WeightsError",
]
