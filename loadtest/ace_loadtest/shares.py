"""Weights of some values, as in `--images-a-request 1=9,8=1`."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Shares(Generic[_Value]):
    """Values, each with its weight.

    Raises:
        ValueError: there are none, or a weight is not above 0.
    """

    values: tuple[_Value, ...]
    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.values or any(not 0 < weight < math.inf for weight in self.weights):
            raise ValueError(f"shares are numbers above 0: {self}")

    def draw(self, generator: np.random.Generator, count: int) -> list[_Value]:
        """So many of the values, at random."""
        shares = np.array(self.weights) / sum(self.weights)
        return [self.values[place] for place in generator.choice(len(self.values), size=count, p=shares).tolist()]

    def __str__(self) -> str:
        return ", ".join(f"{value}={weight:g}" for value, weight in zip(self.values, self.weights, strict=True))


def parse(text: str, value: Callable[[str], _Value]) -> Shares[_Value]:
    """`1=9,8=1`, or `8` for one value alone; each is read by `value`.

    Raises:
        ValueError: the text is something else.
    """
    weights: dict[_Value, float] = {}
    for part in text.split(","):
        name, _, weight = part.partition("=")
        try:
            weights[value(name.strip())] = float(weight or 1)
        except ValueError as error:
            raise ValueError(f"{text!r} are no shares: write 1=9,8=1, or one value alone") from error
    return Shares(tuple(weights), tuple(weights.values()))
