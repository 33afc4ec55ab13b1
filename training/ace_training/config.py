"""Everything that a training's result depends on, as frozen values that are checked on construction.

They are read from TOML by `config_file`; `configs/` has those that come with the package, each key with its unit.
"""

from dataclasses import dataclass
from typing import Final

from .errors import ConfigError

SMALLEST_INPUT_PX: Final = 71  # below it Xception's strides leave no image
IMAGENET: Final = "imagenet"
RANDOM: Final = "none"
BALANCES: Final = ("none", "weights", "sampling")
PRECISIONS: Final = ("off", "float16", "bfloat16")

Span = tuple[float, float]
_Fact = tuple[str, bool, str]  # a key, whether its value will do, which would


def _check(section: object, facts: tuple[_Fact, ...]) -> None:
    """Raises a ConfigError for the first fact that does not hold."""
    name = type(section).__name__.lower()
    for key, holds, expected in facts:
        if not holds:
            raise ConfigError(f"{name}.{key} is {getattr(section, key)!r}: choose {expected}.")


def _share(section: object, key: str) -> _Fact:
    return key, 0 <= getattr(section, key) <= 1, "from 0 to 1"


def _span(section: object, key: str, least: float, most: float) -> _Fact:
    low, high = getattr(section, key)
    return key, least <= low <= high <= most, f"two numbers from {least} to {most}, the lower one first"


@dataclass(frozen=True, kw_only=True)
class Model:
    """The network.

    Raises:
        ConfigError: a value is out of its range, or weights are asked for that the network cannot take.
    """

    input_px: int  # a side
    width: float  # multiplies the channels of every layer of Xception
    middle_blocks: int  # Xception has 8
    batch_norm_momentum: float
    dropout: float  # the share of features that is dropped
    weights: str  # where the backbone begins: `imagenet`, `none` for random values, or the path of a weights file
    mixed_precision: str  # `off`, `bfloat16`, or `float16`, which is for GPUs and off where there is none

    @property
    def is_full_xception(self) -> bool:
        """Whether the network is the published one, which `keras.applications` builds and has weights for."""
        return self.width == 1 and self.middle_blocks == 8

    @property
    def is_pretrained(self) -> bool:
        """Whether the backbone begins with weights that were trained before."""
        return self.weights != RANDOM

    def __post_init__(self) -> None:
        _check(
            self,
            (
                ("input_px", self.input_px >= SMALLEST_INPUT_PX, f"{SMALLEST_INPUT_PX} or more"),
                ("width", 0 < self.width <= 1, "above 0 and at most 1"),
                ("middle_blocks", self.middle_blocks >= 1, "1 or more"),
                ("batch_norm_momentum", 0 < self.batch_norm_momentum < 1, "between 0 and 1"),
                ("dropout", 0 <= self.dropout < 1, "from 0 to below 1"),
                ("mixed_precision", self.mixed_precision in PRECISIONS, f"one of {', '.join(PRECISIONS)}"),
                (
                    "weights",
                    self.is_full_xception or not self.is_pretrained,
                    "none, or a network with width 1 and 8 middle_blocks: there are no weights for a narrower one",
                ),
            ),
        )


@dataclass(frozen=True, kw_only=True)
class Data:
    """What an epoch is made of.

    Raises:
        ConfigError: a value is out of its range.
    """

    balance: str  # of the classes: `weights` in the loss, `sampling` as many of each, or `none`
    self_blended_share: float  # of the real images, another part each epoch, that become self-blended fakes

    def __post_init__(self) -> None:
        _check(
            self,
            (
                ("balance", self.balance in BALANCES, f"one of {', '.join(BALANCES)}"),
                ("self_blended_share", 0 <= self.self_blended_share < 1, "from 0 to below 1"),
                (
                    "self_blended_share",
                    self.balance != "sampling" or self.self_blended_share < 0.5,
                    "below 0.5, or another balance: sampling would have no room for the fakes that there are",
                ),
            ),
        )


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How training images are varied: for each way its probability and its extent; `image_ops` has the ways.

    Raises:
        ConfigError: a value is out of its range.
    """

    flip_probability: float
    crop_probability: float
    crop_sides: Span  # what is kept of each side
    colour_probability: float
    colour_change: float  # at most, of brightness, contrast and saturation
    rescale_probability: float
    rescale_factors: Span  # down by it, and up again
    blur_probability: float
    blur_sigmas_px: Span
    noise_probability: float
    noise_levels: Span  # standard deviation, of 255
    jpeg_probability: float
    jpeg_qualities: Span
    erase_probability: float
    erase_sides: Span  # of a rectangle, as a share of the image's

    def __post_init__(self) -> None:
        _check(
            self,
            (
                *(_share(self, key) for key in vars(self) if key.endswith("_probability")),
                _span(self, "crop_sides", 0.5, 1),
                _share(self, "colour_change"),
                _span(self, "rescale_factors", 0.1, 1),
                _span(self, "blur_sigmas_px", 0.1, 5),
                _span(self, "noise_levels", 0, 100),
                _span(self, "jpeg_qualities", 1, 100),
                _span(self, "erase_sides", 0.01, 0.9),
            ),
        )


@dataclass(frozen=True, kw_only=True)
class Optimisation:
    """How the weights come about.

    Raises:
        ConfigError: a value is out of its range.
    """

    seed: int  # of weights, order and variation
    deterministic: bool  # the same seed gives the same history on the same machine; on GPUs slow, or refused by an op
    batch_images: int
    epochs: int  # at most, those of the head included
    patience_epochs: int  # without a better validation AUC before training ends
    head_epochs: int  # the first ones, with the backbone frozen; heeded where that is pretrained
    head_learning_rate: float  # at its peak
    learning_rate: float  # at its peak
    warm_up_share: float  # of the steps, from a tenth of the learning rate up to its peak; then down along a cosine
    weight_decay: float  # AdamW's, for kernels
    clip_norm: float  # of all gradients together
    label_smoothing: float

    def __post_init__(self) -> None:
        _check(
            self,
            (
                ("seed", 0 <= self.seed < 2**32, "a whole number from 0 up, below 2³²"),
                ("batch_images", self.batch_images >= 1, "1 or more"),
                ("epochs", self.epochs >= 1, "1 or more"),
                ("patience_epochs", self.patience_epochs >= 1, "1 or more"),
                ("head_epochs", self.head_epochs >= 0, "0 or more"),
                ("head_learning_rate", self.head_learning_rate > 0, "above 0"),
                ("learning_rate", self.learning_rate > 0, "above 0"),
                ("warm_up_share", 0 <= self.warm_up_share < 1, "from 0 to below 1"),
                ("weight_decay", 0 <= self.weight_decay < 1, "from 0 to below 1"),
                ("clip_norm", self.clip_norm > 0, "above 0"),
                ("label_smoothing", 0 <= self.label_smoothing < 0.5, "from 0 to below 0.5"),
            ),
        )


@dataclass(frozen=True, kw_only=True)
class Config:
    """A training, whole."""

    model: Model
    data: Data
    augmentation: Augmentation
    optimisation: Optimisation
