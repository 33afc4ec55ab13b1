"""The two ways to train a detector, as frozen values that are checked on construction."""

from dataclasses import dataclass
from typing import Final

from .errors import PresetError

SMALLEST_INPUT: Final = 71  # pixels a side: below it Xception's strides leave no image
IMAGENET: Final = "imagenet"
RANDOM: Final = "none"


@dataclass(frozen=True, kw_only=True)
class Preset:
    """How one detector is built and trained.

    Raises:
        PresetError: a value is out of its range, or weights are asked for that the network cannot take.
    """

    name: str
    input_size: int  # pixels a side
    width: float  # multiplies the channels of every layer of Xception
    middle_blocks: int  # Xception has 8
    batch_norm_momentum: float
    weights: str  # where the body begins: `imagenet`, `none` for random values, or the path of a weights file
    batch_size: int
    epochs: int
    patience: int  # epochs without a better validation AUC before training ends
    learning_rate: float  # at its peak
    dropout: float

    @property
    def is_full_xception(self) -> bool:
        """Whether the network is the published one, which `keras.applications` builds and has weights for."""
        return self.width == 1 and self.middle_blocks == 8

    def __post_init__(self) -> None:
        for field, holds, expected in (
            ("input_size", self.input_size >= SMALLEST_INPUT, f"{SMALLEST_INPUT} or more"),
            ("width", 0 < self.width <= 1, "above 0 and at most 1"),
            ("middle_blocks", self.middle_blocks >= 1, "1 or more"),
            ("batch_norm_momentum", 0 < self.batch_norm_momentum < 1, "between 0 and 1"),
            ("batch_size", self.batch_size >= 1, "1 or more"),
            ("epochs", self.epochs >= 1, "1 or more"),
            ("patience", self.patience >= 1, "1 or more"),
            ("learning_rate", 0 < self.learning_rate <= 1, "above 0 and at most 1"),
            ("dropout", 0 <= self.dropout < 1, "from 0 to below 1"),
        ):
            if not holds:
                raise PresetError(
                    f"The preset {self.name} cannot be used with {field} {getattr(self, field)}: choose {expected}."
                )
        if self.weights != RANDOM and not self.is_full_xception:
            raise PresetError(
                f"The preset {self.name} is narrower than the network that {self.weights} holds weights for. "
                "Pass --weights none, or --preset xception."
            )


# For the 2,000 faces that `faces` draws, from scratch on two cores: 300 s of processor time, test AUC 0.97.
DEMO: Final = Preset(
    name="demo",
    input_size=112,
    width=0.125,
    middle_blocks=2,
    batch_norm_momentum=0.9,
    weights=RANDOM,
    batch_size=32,
    epochs=12,
    patience=6,
    learning_rate=2e-3,
    dropout=0.2,
)

XCEPTION: Final = Preset(
    name="xception",
    input_size=299,
    width=1,
    middle_blocks=8,
    batch_norm_momentum=0.99,
    weights=IMAGENET,
    batch_size=32,
    epochs=10,
    patience=3,
    learning_rate=2e-4,
    dropout=0.2,
)

PRESETS: Final = {preset.name: preset for preset in (DEMO, XCEPTION)}
