"""What an export may be asked for; what is left at None is read from training's report, or from the model itself."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

DEFAULT_MAX_PIXELS: Final = 50_000_000  # 150 MB decoded; a telephone's photograph has 12 to 50 million
REDUCED_POLICIES: Final = {"float16": "mixed_float16", "bfloat16": "mixed_bfloat16"}  # in Keras's words
SCALES: Final = ("xception", "unit", "imagenet", "none")  # each a key of `pixels.SCALINGS`, which imports TensorFlow
PRECISIONS: Final = ("float32", *REDUCED_POLICIES)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a detector is served, and what it is checked on."""

    scale: str | None = None  # a name of `pixels.SCALINGS`; None: none where the model scales by itself, else xception
    classes: tuple[str, str] | None = None  # what outputs 0 and 1 stand for; a sigmoid is the probability of 1
    input_size: tuple[int, int] | None = None  # height and width, for a model that takes any
    threshold: float | None = None  # at or above it an image is labelled fake
    temperature: float | None = None  # divides the logit; above 1 for a model that is too sure of itself
    precision: str = "float32"  # of PRECISIONS
    xla: bool = False  # compile the network, for each batch size when it is first run
    max_pixels: int = DEFAULT_MAX_PIXELS  # larger images are refused before they are decoded
    images: Path | None = None  # a folder of images to hold against OpenCV and Keras, beside the golden ones
